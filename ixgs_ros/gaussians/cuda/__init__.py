"""The CUDA back end: Triton kernels that do what `cpu.CpuSplatter` does, the model on the device.

`splatter.CudaSplatter` does the work on a `model.DeviceModel`, `optimizer.DeviceAdam` moves it;
`compile` translates every kernel for a GPU that is not there. torch and triton are imported by the
modules, not here; docs/gpu.md says what has been proven.
"""
