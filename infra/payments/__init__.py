"""Adapters of domain.membership.ports.Provider, one file per provider, and the sandbox's own server."""
