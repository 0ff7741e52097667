"""Addresses and what they do: each handler parses, calls one domain method, renders."""
