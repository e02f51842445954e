# The gateway alone: the base install, no torch and no Triton.
FROM python:3.11-slim
WORKDIR /opt/conch
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY exporters ./exporters
COPY gateway ./gateway
COPY loadtest ./loadtest
COPY stack ./stack
RUN PIP_CONSTRAINT=constraints.txt pip install --no-cache-dir . \
    && useradd --system --create-home conch \
    && install -d -o conch /state
USER conch
VOLUME /state
EXPOSE 8080
CMD ["conch", "gateway", "--state-dir", "/state", "--host", "0.0.0.0"]
