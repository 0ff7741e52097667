"""What a release of modal must be able to do with the local plane: an app, and a behaviour for each thing it does.

Not a pytest suite: it runs in an environment of another release, where our plugins and settings are not
(tools/modal_matrix.py). The same behaviours run under the pinned release in tests/infra/test_matrix.py.
"""
