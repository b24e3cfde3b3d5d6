# Earwitness for NVIDIA GPUs; it also runs on CPUs. Build from the root of the repository:
#
#   docker build -f packaging/cuda.Dockerfile -t earwitness-cuda .
#   docker run --rm --gpus all -v "$PWD/calls:/calls:ro" -v "$PWD/out:/out" earwitness-cuda run /calls --out /out
#
# The build argument selects the generation of GPUs: 80 (A100), 86 and 89 (RTX), 90 (H100, H200). The driver and
# libcuda.so come from the host, through the NVIDIA Container Toolkit.
# Not tested as an image: packaging/README.md describes how its steps were tested.

FROM rust:1.95.0-slim-bookworm AS build
ARG CUDA_COMPUTE_CAP=90
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends g++ python3-pip \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
# The pinned toolkit of CI, from the Python package index.
RUN PIP_BREAK_SYSTEM_PACKAGES=1 packaging/build-cuda /opt/earwitness

FROM debian:bookworm-slim
COPY --from=build /opt/earwitness /opt/earwitness
RUN ln -s /opt/earwitness/bin/earwitness /usr/local/bin/earwitness && useradd --create-home --uid 1000 earwitness
ENV LD_LIBRARY_PATH=/opt/earwitness/lib NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
USER 1000
ENTRYPOINT ["earwitness"]
CMD ["--help"]
