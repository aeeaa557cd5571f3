#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// client.mjs LIST: plays LIST with http.Agent's kept connections (see README.md).
import { readFileSync } from "node:fs";
import http from "node:http";
import https from "node:https";

const TIMEOUT_MS = 20000;
const options = { keepAlive: true, maxSockets: 1 };
const plain = new http.Agent(options);
const secure = new https.Agent(options);

function readList(path) {
	const lines = readFileSync(path, "ascii").split("\n").filter((line) => line !== "");
	return lines.map((line, index) => {
		const [method, url, size, ...rest] = line.split(" ");
		if (rest.length > 0 || !/^\d+$/.test(size ?? "")) {
			console.error(`client.mjs: ${path}: line ${index + 1}: not METHOD URL BODYSIZE`);
			process.exit(2);
		}
		return { method, url, size: Number(size) };
	});
}

function play({ method, url, size }) {
	return new Promise((resolve) => {
		const isSecure = url.startsWith("https:");
		const headers = size > 0 ? { "Content-Length": size } : {};
		const agent = isSecure ? secure : plain;
		const failed = (error) => resolve(`error ${error.code ?? error.message} 0`);
		const request = (isSecure ? https : http).request(url, { method, headers, agent });

		request.on("response", (response) => {
			let length = 0;
			response.on("data", (data) => (length += data.length));
			response.on("error", failed);
			response.on("end", () =>
				resolve(`${response.statusCode} ${response.headers["x-served-by"] ?? "-"} ${length}`));
		});
		request.on("error", failed);
		request.setTimeout(TIMEOUT_MS, () => request.destroy(new Error("timeout")));
		request.end(size > 0 ? Buffer.alloc(size) : undefined);
	});
}

if (process.argv.length !== 3) {
	console.error("usage: client.mjs LIST");
	process.exit(2);
}
for (const line of readList(process.argv[2]))
	console.log(await play(line));
plain.destroy();
secure.destroy();
