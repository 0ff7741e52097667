"""Processes apart that read hostile files: pictures, documents and recordings."""
