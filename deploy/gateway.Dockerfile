# The gateway: the base install and what the extras bring, no torch and no Triton.
# `--build-arg EXTRAS=redis,loadtest` makes the load generator of it.
# With the C compiler that the slim image lacks: the gateway is compiled.
FROM python:3.11.15 AS build
ARG EXTRAS=redis
WORKDIR /build
COPY pyproject.toml setup.py constraints.txt README.md LICENSE ./
COPY exporters ./exporters
COPY gateway ./gateway
COPY loadtest ./loadtest
COPY stack ./stack
RUN python -m venv /opt/conch \
    && PIP_CONSTRAINT=constraints.txt /opt/conch/bin/pip install --no-cache-dir ".[$EXTRAS]" \
    && /opt/conch/bin/python -I -c "from gateway.compiled import is_compiled; assert is_compiled()"

FROM python:3.11.15-slim
COPY --from=build /opt/conch /opt/conch
COPY deploy/first_key.sh deploy/secrets.sh /opt/conch/bin/
# Volumes that are mounted here for the first time take over their owner.
RUN useradd --system --uid 10001 --create-home conch \
    && install -d -o conch -m 700 /state /credentials
ENV PATH=/opt/conch/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /home/conch
USER 10001
EXPOSE 8080
# Whether a request could be answered: this gateway serves and a Triton is ready.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/v2/health/ready', timeout=4)"]
CMD ["conch", "gateway", "--state-dir", "/state", "--host", "0.0.0.0"]
