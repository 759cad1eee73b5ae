# NEST with MPI, and its server, under an account without rights. docs/operations.md says how to run it.
#   docker build -t nestd .          takes about 5 minutes on 2 cores, for NEST
FROM debian:bookworm-slim AS build
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      build-essential ca-certificates cmake libboost-dev libgsl-dev libltdl-dev libopenmpi-dev \
      openmpi-bin python3-dev python3-venv \
 && rm -rf /var/lib/apt/lists/*
RUN python3 -m venv /opt/nestd
WORKDIR /source
# By itself, so that a change of the server does not build NEST anew.
COPY scripts/common.sh scripts/install-nest-mpi scripts/nest-3.10.0.patch scripts/
RUN scripts/install-nest-mpi /opt/nestd
COPY LICENSE README.md pyproject.toml ./
COPY gateway gateway
COPY nest_remote nest_remote
COPY NESTServerClient NESTServerClient
COPY nestd nestd
COPY protocol protocol
# The one installed last has the command nest-server.
RUN /opt/nestd/bin/pip install --no-cache-dir '.[desktop,mpi]' \
 && /opt/nestd/bin/pip install --no-cache-dir --no-deps --force-reinstall .

FROM debian:bookworm-slim
RUN apt-get update \
 && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
      libgomp1 libgsl27 libltdl7 libseccomp2 openmpi-bin python3 \
 && rm -rf /var/lib/apt/lists/* \
 && groupadd --system --gid 990 nestd \
 && useradd --system --uid 990 --gid nestd --create-home --home-dir /data nestd \
 && install -d -o nestd -m 0700 /run/nestd
COPY --from=build /opt/nestd /opt/nestd
# The address is that of the container: what is published of it is up to docker run -p.
# Ranks in a container may not read each other's memory, which Open MPI would try.
ENV PATH=/opt/nestd/bin:/usr/bin:/bin \
    NESTD_RUNTIME_DIR=/run/nestd \
    NEST_SERVER_DATA=/data/files \
    NEST_SERVER_HOST=0.0.0.0 \
    NEST_SERVER_PORT=52425 \
    OMPI_MCA_btl_vader_single_copy_mechanism=none
USER nestd
# What NEST writes outlives the container.
WORKDIR /data
VOLUME /data
EXPOSE 52425
HEALTHCHECK --start-period=120s CMD ["python3", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:52425/healthz', timeout=5)"]
CMD ["nest-server", "start", "-o"]
