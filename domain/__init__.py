"""The rules of Parley in plain Python: no framework, SQL, GPU or HTTP."""
