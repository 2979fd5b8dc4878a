# The Node of the base image runs npm and hands over: the server runs on the Node that npm installs, the one it is tested on.
FROM node:22-slim

WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev && npm cache clean --force
COPY . .

# Links the libraries of the embedded PostgreSQL while the folder can be written, and fails here where the image lacks it.
RUN ["node", "-e", "import('./src/platform/db/programs.ts').then((programs) => programs.findPrograms())"]
RUN mkdir /data && chown node:node /data && chmod 700 /data

# The sources belong to root: the server can write to /data and nowhere else.
USER node
ENV NODE_ENV=production TABELLION_HOST=0.0.0.0 TABELLION_DATA=/data
VOLUME /data
EXPOSE 8080

# Speaks plain HTTP to port 8080; give a check of your own where TABELLION_PORT or TABELLION_TLS_CERT is set.
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:8080/health/live').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]

CMD ["node", "scripts/with-node.mjs", "src/main.ts"]
