# Two stages: the first installs with the same script as `make`, the second holds Python, the environment and nothing else.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements.lock requirements-dev.lock requirements-build.lock pyproject.toml README.md LICENSE ./
COPY scripts ./scripts
COPY bot ./bot
COPY cogs ./cogs
COPY sandbox ./sandbox
COPY config ./config
RUN scripts/bootstrap /opt/rushes runtime && scripts/install-wheel /opt/rushes

FROM python:3.11-slim-bookworm
RUN groupadd --gid 10001 rushes && useradd --uid 10001 --gid rushes --no-create-home --shell /usr/sbin/nologin rushes \
    && mkdir /data && chown rushes:rushes /data
COPY --from=build /opt/rushes /opt/rushes
ENV PATH=/opt/rushes/bin:$PATH PYTHONUNBUFFERED=1 RUSHES_PROFILE=production RUSHES__STORAGE__DIRECTORY=/data
USER rushes
VOLUME /data
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s CMD ["rushes", "health"]
ENTRYPOINT ["rushes"]
CMD ["run"]
