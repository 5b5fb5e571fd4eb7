// `genzoo explore` writes the address here where the runtime is not in this folder.
export * from "./runtime/ort.wasm.min.mjs";
