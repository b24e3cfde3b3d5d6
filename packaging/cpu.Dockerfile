# Earwitness for CPUs, with the embedded models. Build from the root of the repository:
#
#   docker build -f packaging/cpu.Dockerfile -t earwitness .
#   docker run --rm -v "$PWD/calls:/calls:ro" -v "$PWD/out:/out" earwitness run /calls --out /out
#
# Not tested as an image: packaging/README.md describes how its steps were tested.

FROM rust:1.95.0-slim-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --locked --release -p earwitness

FROM debian:bookworm-slim
COPY --from=build /src/target/release/earwitness /usr/local/bin/earwitness
RUN useradd --create-home --uid 1000 earwitness
USER 1000
ENTRYPOINT ["earwitness"]
CMD ["--help"]
