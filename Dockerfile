# Parley in a container. `docker build .` holds the packages of the engines too; with WITH=base they stay out (1 GB
# less), for RUNTIME=modal or ENGINES=scripted. Model files are never in the image: they come to the volume /models
# (infra/compose.yaml does that with `python -m deploy.weights`). No secret is, either.

FROM python:3.11.14-slim-bookworm AS packages
ARG WITH=models
ENV PIP_NO_INPUT=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
COPY requirements/ /build/requirements/
WORKDIR /build/requirements
RUN python -m venv /opt/parley \
    && /opt/parley/bin/pip install --require-hashes -r build.txt \
    && /opt/parley/bin/pip install --require-hashes --no-deps --no-build-isolation --ignore-requires-python \
        -r "${WITH}.txt" -r databases.txt \
    && /opt/parley/bin/pip uninstall --yes setuptools

FROM python:3.11.14-slim-bookworm AS parley
# libgomp: llama.cpp's threads. It is the one library that the packages want and the base image lacks; its version is
# the pinned Debian release's, which takes security fixes and nothing else.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 parley \
    && useradd --uid 10001 --gid parley --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin parley \
    && install -d -o parley -g parley -m 0750 /data /models
COPY --from=packages /opt/parley /opt/parley
WORKDIR /srv/parley
COPY characters/ characters/
COPY db/ db/
COPY deploy/ deploy/
COPY domain/ domain/
COPY functions/ functions/
COPY infra/ infra/
COPY web/ web/
ENV PATH=/opt/parley/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONWARNINGS=ignore::SyntaxWarning \
    HOST=0.0.0.0 \
    PORT=7210 \
    DATA_DIR=/data \
    PARLEY_CACHE=/models \
    LOG_FORMAT=json
RUN python -m compileall -q .
USER 10001:10001
VOLUME ["/data", "/models"]
EXPOSE 7210
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=60s --retries=4 \
    CMD ["python", "-m", "deploy.alive"]
CMD ["python", "-m", "web"]
