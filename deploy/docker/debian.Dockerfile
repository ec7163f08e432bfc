# PostgreSQL, Prometheus and Alertmanager from Debian's packages, for places without an image registry:
# deploy/docker/compose.debian.yml uses them instead of their projects' own images.
ARG DEBIAN=debian:bookworm-slim
FROM ${DEBIAN} AS base
# No package may start anything while it is installed.
RUN printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d

FROM base AS postgres
RUN mkdir -p /etc/postgresql-common && \
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf && \
    apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql-15 && \
    rm -rf /var/lib/apt/lists/* && \
    install -d -o postgres -g postgres -m 700 /var/lib/postgresql/data
ENV PATH=/usr/lib/postgresql/15/bin:$PATH
COPY deploy/docker/debian-postgres /usr/local/bin/debian-postgres
USER postgres
EXPOSE 5432
STOPSIGNAL SIGINT
ENTRYPOINT ["debian-postgres"]

FROM base AS prometheus
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends prometheus && \
    rm -rf /var/lib/apt/lists/* && \
    install -d -o nobody -g nogroup /prometheus
USER nobody
EXPOSE 9090
ENTRYPOINT ["prometheus"]

FROM base AS alertmanager
RUN apt-get update && \
    DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends prometheus-alertmanager && \
    rm -rf /var/lib/apt/lists/* && \
    install -d -o nobody -g nogroup /alertmanager
USER nobody
EXPOSE 9093
ENTRYPOINT ["prometheus-alertmanager"]
