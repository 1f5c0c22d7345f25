# One node. Its settings come as SANCTUARY_… in the environment (README.md, Settings).

FROM rust:1-slim-bookworm AS build
# For what is written in C: SQLite, the allocator, the cryptography of TLS.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends cmake gcc g++ libc6-dev make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked --bin sanctuary \
    && cp target/release/sanctuary /sanctuary

FROM debian:bookworm-slim
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin sanctuary \
    && install -d -o sanctuary -g sanctuary -m 0700 /data
COPY --from=build /sanctuary /usr/local/bin/sanctuary
USER 10001
ENV SANCTUARY_LISTEN=0.0.0.0:8080 SANCTUARY_DATA=/data
# The embedded store and the master key; with another store the master key only.
VOLUME /data
EXPOSE 8080
# SIGTERM drains: give it drain_window_ms and a quarter of a minute more before it is killed.
STOPSIGNAL SIGTERM
ENTRYPOINT ["sanctuary"]
