"""Compilation of one expensive part of a network by XLA, for the forward and for the backward pass."""

import tensorflow as tf


def compile_with_xla(function):
    """`function(*tensors) -> tensor`, compiled, with a compiled gradient that computes the forward pass again.

    Intermediate results that the backward pass needs would leave one compiled program and enter the other through
    memory; to compute them again takes no longer and holds none of them in the meantime.
    """

    def gradients(tensors, output_gradient):
        with tf.GradientTape() as tape:
            tape.watch(tensors)
            output = function(*tensors)
        return tape.gradient(output, tensors, output_gradient, unconnected_gradients=tf.UnconnectedGradients.ZERO)

    forward, backward = (tf.function(part, jit_compile=True, autograph=False) for part in (function, gradients))

    @tf.custom_gradient
    def call(*tensors):
        def gradient(output_gradient):
            return backward(tensors, output_gradient)

        return forward(*tensors), gradient

    return call
