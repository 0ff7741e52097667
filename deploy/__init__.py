"""What Modal runs in the cloud, and the command that puts it there.

A package of its own, above `web`: the deployed app holds the web application AND the functions, so its entry knows
both, while `infra` must not know the web and `web` must not know Modal. One layer on top keeps both contracts whole,
without an exception in either.
"""
