"""A loopback control plane that speaks Modal's protocol, so that the unmodified client runs deployed apps right here
(docs/local-modal.md, docs/adr/0014-loopback-control-plane.md).
"""
