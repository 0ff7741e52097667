"""The tables, one module per database."""
