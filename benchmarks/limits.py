"""How far a training step is from what the processor can do: its arithmetic per second against the measured peak.

The arithmetic is TensorFlow's count over the step's graph, forward and backward; the peak is a float32 product of two
large square matrices in the same process. CapsNet, whose compiled parts the count does not see, has a row in `capsnet`.
"""

import tensorflow as tf

from benchmarks import timing
from benchmarks.loop_and_fit import CASES, Case
from benchmarks.steps import loop_epoch

SIDE = 2048


def operations(case: Case) -> int:
    """Floating-point operations of one training step without its optimizer, as TensorFlow counts them."""
    from tensorflow.python.profiler.model_analyzer import profile
    from tensorflow.python.profiler.option_builder import ProfileOptionBuilder

    @tf.function
    def step(batch):
        with tf.GradientTape() as tape:
            loss, _ = case.objective(case.network, batch, training=True)
        return tape.gradient(loss, case.network.trainable_variables)

    graph = step.get_concrete_function({k: tf.constant(v[: case.batch_size]) for k, v in case.arrays.items()}).graph
    options = ProfileOptionBuilder(ProfileOptionBuilder.float_operation()).with_empty_output().build()
    return profile(graph, options=options).total_float_ops


def run(repeats: int) -> list[dict]:
    """A row per method: billions of operations per second of the training loop, and the share of the peak."""
    matrix = tf.random.normal((SIDE, SIDE))
    product = tf.function(lambda: tf.matmul(matrix, matrix))
    rows = []
    for name, make in CASES.items():
        if name == "CapsNet":
            continue
        case = make()
        steps = len(next(iter(case.arrays.values()))) // case.batch_size
        amount = operations(case) * steps / 1e9
        calls = {
            "ours": loop_epoch(case.network, case.objective, case.arrays, case.batch_size),
            "peak": lambda: product().numpy()[0, 0],
        }
        seconds = timing.interleaved(calls, repeats)
        peak = 2 * SIDE**3 / 1e9 / seconds["peak"]  # GFLOP/s
        title = f"{name} train step, arithmetic against the float32 matrix-product peak"
        rows.append(timing.row(title, seconds["ours"], amount / peak, amount, "GFLOP/s", repeats))
    return rows
