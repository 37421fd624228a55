// Drives the client that @hey-api/openapi-ts has made.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { client } from "./heyapi/client.gen.js";
import * as api from "./heyapi/sdk.gen.js";

client.setConfig({ baseUrl: process.argv[2], throwOnError: true });
const config = { counts: { n_fine: 6 } };
const file = new File([new Uint8Array(readFileSync("birds.npz"))], "birds.npz");

const { data: dataset } = await api.createDataset({
  body: { file, metadata: { from: "hey-api" } },
  throwOnError: true,
});
assert.equal(dataset.metadata.from, "hey-api");
const { data: job } = await api.createJob({
  body: { dataset_id: dataset.id, config },
  throwOnError: true,
});
const path = { job_id: job.id };
let state = "";
const { stream } = await api.followJob({ path });
for await (const event of stream) {
  const told = event as unknown as { state?: string };
  state = told.state ?? state;
  if (state === "succeeded") break;
}
assert.equal(state, "succeeded");
const { data: classes } = await api.listClasses({ path, throwOnError: true });
assert.equal(classes.length, 6);
const { data: counts } = await api.listCounts({ path, throwOnError: true });
assert.equal(counts.reduce((sum, one) => sum + one.n_fine, 0), 6);
const { data: rows } = await api.getAssignments({ path, throwOnError: true });
assert.equal((rows as unknown[]).length, 240);
const { data: report } = await api.getReport({ path, throwOnError: true, parseAs: "text" });
assert.match(report as string, /<html/);
const { data: found } = await api.predict({
  path,
  body: { vectors: [[0, 0, 0, 0]], coarse: ["land"] },
  throwOnError: true,
});
assert.equal(found.predictions[0]?.coarse, "land");
const { data: again } = await api.predictFile({ path, body: { file }, throwOnError: true });
assert.equal(again.predictions.length, 240);
const { data: batch } = await api.createBatch({
  body: { jobs: [{ custom_id: "six", dataset_id: dataset.id, config }] },
  throwOnError: true,
});
assert.equal(batch.request_counts.total, 1);
console.log("@hey-api/openapi-ts works");
