"""A whole plugin: a method, a dataset and a transform."""

from tsbench import hookimpl


@hookimpl
def tsbench_methods(register):
    register("mine", "tsbench_example.parts:Mine", summary="Contrast two jittered views.", paper="arXiv:0000.00000")


@hookimpl
def tsbench_datasets(register):
    register("two-waves", "tsbench_example.parts:TwoWaves", summary="Slow against fast sine waves in noise.")


@hookimpl
def tsbench_transforms(register):
    register("absolute", "tsbench_example.parts:Absolute", summary="Absolute values.")
