# syntax=docker/dockerfile:1.7
# The exporters inside NVIDIA's PyTorch container of the same release as the server: its TensorRT,
# libtorch and AOTInductor are the server's, so that what is built here loads there.
# The server's image is all that is told; its tag names the release.
ARG TRITON_IMAGE
FROM nvcr.io/nvidia/pytorch:${TRITON_IMAGE##*:}
WORKDIR /opt/conch
COPY pyproject.toml README.md LICENSE deploy/export_requirements.py ./
COPY exporters ./exporters
COPY gateway ./gateway
COPY loadtest ./loadtest
COPY stack ./stack
# Everything but torch and numpy, which are the container's own.
RUN python export_requirements.py pyproject.toml >requirements.txt \
    && pip install --no-cache-dir -r requirements.txt \
    && pip install --no-cache-dir --no-deps .
ENV PYTHONDONTWRITEBYTECODE=1
USER 1000
CMD ["conch", "export", "--missing", "mnist_mlp", "mnist_cnn"]
