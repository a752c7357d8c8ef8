# kefu with all three databases. Build: docker build -t kefu . (Docker 25 or newer, for --start-interval)
# Debian 12, whose client libraries are those of the tests.

FROM rust:1.95-slim-bookworm AS build
# Debian keeps no older versions that could be pinned.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends libmariadb-dev libpq-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# The dependencies in a layer of their own: it is made anew only when these files change.
COPY .cargo .cargo
COPY Cargo.toml Cargo.lock ./
COPY bench/Cargo.toml bench/
COPY foundation/Cargo.toml foundation/
COPY schema/Cargo.toml schema/
RUN mkdir src bench/src foundation/src schema/src \
    && echo 'fn main() {}' > build.rs \
    && cp build.rs src/main.rs \
    && cp build.rs foundation/ \
    && touch src/lib.rs bench/src/main.rs foundation/src/lib.rs schema/src/lib.rs \
    && cargo build --profile dist --locked --package kefu --features mysql,postgres \
    && rm -r src foundation/src schema/src
COPY build.rs ./
COPY web/dist web/dist
COPY schema/src schema/src
COPY foundation/build.rs foundation/
COPY foundation/src foundation/src
COPY src src
COPY migrations migrations
# Cargo goes by times, and these files may be older than the layer above.
RUN touch build.rs src/main.rs src/lib.rs foundation/build.rs foundation/src/lib.rs schema/src/lib.rs \
    && cargo build --profile dist --locked --package kefu --features mysql,postgres

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates libmariadb3 libpq5 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --user-group --home-dir /var/lib/kefu --shell /usr/sbin/nologin kefu \
    && install --directory --owner=kefu --group=kefu --mode=0700 /var/lib/kefu
COPY --from=build /src/target/dist/kefu /usr/local/bin/
USER 10001:10001
ENV KEFU_DATA_DIR=/var/lib/kefu \
    KEFU_SERVER__LISTEN=0.0.0.0:48080
WORKDIR /var/lib/kefu
VOLUME /var/lib/kefu
EXPOSE 48080
# Sockets are told, open requests finished, the write queue emptied: give it more than server.shutdown_timeout_s (10 s).
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --start-interval=1s CMD ["kefu", "healthcheck"]
ENTRYPOINT ["kefu"]
CMD ["serve"]
