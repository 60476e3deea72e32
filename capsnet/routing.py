"""Votes, squashing and dynamic routing: the mathematics of capsules as plain functions.

Shapes: n images, I input capsules of d numbers, C output capsules of D numbers.
"""

from keras import ops

TINY = 1e-18  # a vector shorter than this counts as zero; its square and its inverse are float32 numbers


def safe_length(vectors):
    """Euclidean length over the last axis, kept as an axis of 1; at least about TINY.

        |s| = m sqrt(sum_j (s_j / m)^2),   m = max_j |s_j|

    Dividing by the largest number first keeps the square from overflowing (1e30) or vanishing (1e-30); value and
    gradient are finite everywhere, and exact above TINY. The gradient at zero is zero.
    """
    largest = ops.stop_gradient(ops.maximum(ops.max(ops.absolute(vectors), axis=-1, keepdims=True), TINY))
    squares = ops.sum(ops.square(vectors / largest), axis=-1, keepdims=True)  # at least 1 unless it counts as zero
    return largest * ops.sqrt(ops.maximum(squares, 0.5))


def squash(vectors):
    """Keeps the direction and shrinks the length into [0, 1) (Sabour et al. 2017, Eq. 1).

        v = |s|^2 / (1 + |s|^2) * s / |s|  =  s / (|s| + 1 / |s|)

    Args:
        vectors: float32 (..., D); the length is taken over the last axis.

    Returns:
        Tensor of the same shape; zero stays zero, the gradient there is (nearly) zero too.
    """
    length = safe_length(vectors)
    return vectors / (length + 1.0 / length)


def route(votes, bias=0.0, *, iterations=3, gradient="all"):
    """Dynamic routing by agreement (Sabour et al. 2017, Procedure 1); softmax over the output capsules.

        b_ij = 0;  repeat:  c_i = softmax_j(b_i);  s_j = sum_i c_ij u_hat_ij + bias_j;  v_j = squash(s_j);
                            b_ij += u_hat_ij . v_j

    Args:
        votes: u_hat, (I, n, C, D): what every input capsule predicts for every output capsule.
        bias: (C, D) added to s_j.
        iterations: how often c is computed, at least 1; with 1 all couplings are 1 / C.
        gradient: `all` lets gradients flow through every iteration, `last` only through the last one's votes.

    Returns:
        (capsules (n, C, D), couplings (iterations, I, n, C)); the couplings of an input capsule sum to 1.
    """
    logits = ops.zeros_like(votes[..., 0])  # (I, n, C)
    history = []
    for iteration in range(iterations):
        last = iteration == iterations - 1
        seen = votes if last or gradient == "all" else ops.stop_gradient(votes)
        couplings = ops.softmax(logits, axis=-1)
        capsules = squash(ops.sum(couplings[..., None] * seen, axis=0) + bias)  # (n, C, D)
        history.append(couplings)
        if not last:
            logits = logits + ops.sum(seen * capsules, axis=-1)  # the sum over D is the scalar product
    return capsules, ops.stack(history)


def vote(inputs, kernel, capsules):
    """u_hat_ij = W_ij u_i: what every input capsule predicts for every output capsule.

    One matrix product per input capsule, over all images and all output capsules at once.

    Args:
        inputs: u, (n, I, d).
        kernel: W, (I, d, C * D).
        capsules: C.

    Returns:
        (I, n, C, D).
    """
    votes = ops.matmul(ops.transpose(inputs, (1, 0, 2)), kernel)  # (I, n, C * D)
    return ops.reshape(votes, (kernel.shape[0], -1, capsules, kernel.shape[2] // capsules))


def vote_and_route(inputs, kernel, bias, capsules, iterations, gradient):
    """`vote`, then the capsules of `route`: (n, I, d) to (n, C, D)."""
    return route(vote(inputs, kernel, capsules), bias, iterations=iterations, gradient=gradient)[0]
