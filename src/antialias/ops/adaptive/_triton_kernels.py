# Triton's compiler reads these functions, not Python's:
# ruff: noqa: ANN001, ANN202
# pyrefly: ignore-errors
"""The adaptive filter in Triton: forward, gradient of the logits with the softmax' statistics, gradient of the map.

Every thing is addressed by strides, so both layouts share the kernels. Borders are index arithmetic, without a padded
copy. Nothing is added atomically: each program owns what it writes and gathers what belongs to it, in a fixed order, so
that results are the same bits every time. The gradient at a sample gathers over the samples of the padded map that are
its *images* (itself, and where the border is reflected, repeated or wound, others), and over the taps that see them.

Suffixes: P kept positions, T taps (to a power of two), C channels of one group, Q columns of the map.
"""

from __future__ import annotations

from typing import Any

import triton
import triton.language as tl

constexpr: Any = tl.constexpr


@triton.jit
def _source(index, size, MODE: constexpr):
    """Return the sample that a padded index stands for; negative for one of the zeros around the map."""
    if MODE == "zeros":
        return tl.where(index < size, index, -1)
    if MODE == "replicate":
        return tl.minimum(tl.maximum(index, 0), size - 1)
    if MODE == "circular":
        return (index % size + size) % size
    period = 2 * (size - 1)
    folded = (index % period + period) % period
    return tl.minimum(folded, period - folded)


@triton.jit
def _image(index, number, size, MODE: constexpr, K: constexpr, IMAGES: constexpr):
    """Return the padded index of a sample's image, and whether there is this image."""
    HALF: constexpr = K // 2
    if MODE == "zeros":
        return index, index >= 0
    if MODE == "replicate":
        before, after = (number > 0) & (number <= HALF), number > HALF
        padded = tl.where(before, -number, tl.where(after, size - 1 + number - HALF, index))
        return padded, (number == 0) | (before & (index == 0)) | (after & (index == size - 1))
    if MODE == "circular":
        return index + (number - IMAGES // 2) * size, index >= 0
    turns, mirrored = number // 2 - IMAGES // 4, number % 2 == 1
    padded = tl.where(mirrored, -index, index) + turns * (2 * (size - 1))
    return padded, (number % 2 == 0) | ((index > 0) & (index < size - 1))


@triton.jit
def _logits_TP(logits, group, at_P, inside_P, logits_c, K: constexpr, TAPS: constexpr, ACC: constexpr):
    tap_T = tl.arange(0, TAPS)
    is_tap_TP = (tap_T < K * K)[:, None]
    channel_T1 = (group * K * K + tap_T)[:, None]
    loaded_TP = tl.load(logits + channel_T1 * logits_c + at_P[None, :], mask=is_tap_TP & inside_P[None, :], other=0)
    return tl.where(is_tap_TP, loaded_TP.to(ACC), -float("inf"))


@triton.jit
def _statistics(
    logits, group, groups, at_P, inside_P, logits_c, K: constexpr, TAPS: constexpr, JOINT: constexpr, ACC: constexpr
):
    """Return the softmax' largest logit and its sum of exponentials, over one group's taps or all groups'."""
    logits_TP = _logits_TP(logits, 0 if JOINT else group, at_P, inside_P, logits_c, K, TAPS, ACC)
    top_P = tl.max(logits_TP, 0)
    total_P = tl.sum(tl.exp(logits_TP - top_P[None, :]), 0)
    if JOINT:
        for other in range(1, groups):
            logits_TP = _logits_TP(logits, other, at_P, inside_P, logits_c, K, TAPS, ACC)
            higher_P = tl.maximum(top_P, tl.max(logits_TP, 0))
            total_P = total_P * tl.exp(top_P - higher_P) + tl.sum(tl.exp(logits_TP - higher_P[None, :]), 0)
            top_P = higher_P
    return top_P, total_P


@triton.jit
def forward(
    x,
    logits,
    y,
    height,
    width,
    kept_width,
    positions,
    groups,
    per_group,
    x_n,
    x_c,
    x_h,
    x_w,
    logits_n,
    logits_c,
    logits_h,
    logits_w,
    y_n,
    y_c,
    y_h,
    y_w,
    STRIDE_H: constexpr,
    STRIDE_W: constexpr,
    K: constexpr,
    TAPS: constexpr,
    JOINT: constexpr,
    MODE_H: constexpr,
    MODE_W: constexpr,
    DOUBLE: constexpr,
    BLOCK_C: constexpr,
    BLOCK_P: constexpr,
):
    """Filter one block of kept positions and of one group's channels; the weights never leave the registers."""
    ACC: constexpr = tl.float64 if DOUBLE else tl.float32
    blocks = tl.cdiv(per_group, BLOCK_C)
    n, group = tl.program_id(2).to(tl.int64), tl.program_id(1) // blocks
    channel_C = (tl.program_id(1) % blocks) * BLOCK_C + tl.arange(0, BLOCK_C)
    position_P = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    is_channel_C, inside_P = channel_C < per_group, position_P < positions
    row_P, column_P = position_P // kept_width, position_P % kept_width
    at_P = row_P * logits_h + column_P * logits_w
    x += n * x_n + group * per_group * x_c
    y += n * y_n + group * per_group * y_c
    logits += n * logits_n
    top_P, total_P = _statistics(logits, group, groups, at_P, inside_P, logits_c, K, TAPS, JOINT, ACC)
    y_CP = tl.zeros([BLOCK_C, BLOCK_P], ACC)
    for tap in tl.static_range(K * K):
        source_row_P = _source(row_P * STRIDE_H + (tap // K - K // 2), height, MODE_H)
        source_column_P = _source(column_P * STRIDE_W + (tap % K - K // 2), width, MODE_W)
        there_P = inside_P & (source_row_P >= 0) & (source_column_P >= 0)
        logit_P = tl.load(logits + (group * K * K + tap) * logits_c + at_P, mask=inside_P, other=0).to(ACC)
        weight_P = tl.exp(logit_P - top_P) / total_P
        from_CP = channel_C[:, None] * x_c + (source_row_P * x_h + source_column_P * x_w)[None, :]
        x_CP = tl.load(x + from_CP, mask=is_channel_C[:, None] & there_P[None, :], other=0)
        y_CP += weight_P[None, :] * x_CP.to(ACC)
    to_CP = channel_C[:, None] * y_c + (row_P * y_h + column_P * y_w)[None, :]
    tl.store(y + to_CP, y_CP.to(y.dtype.element_ty), mask=is_channel_C[:, None] & inside_P[None, :])


@triton.jit
def _products_TP(
    x, grad_y, group, per_group, from_TP, there_TP, to_P, inside_P, x_c, grad_c, ACC: constexpr, BLOCK_C: constexpr
):
    """Sum grad_y times x over the channels of a group, for every tap: the gradient of the group's weights."""
    sum_TP = tl.zeros(from_TP.shape, ACC)
    for start in range(0, per_group, BLOCK_C):
        channel_C = start + tl.arange(0, BLOCK_C)
        is_channel_C11 = (channel_C < per_group)[:, None, None]
        channel_C11 = (group * per_group + channel_C)[:, None, None]
        x_CTP = tl.load(
            x + channel_C11 * x_c + from_TP[None, :, :], mask=is_channel_C11 & there_TP[None, :, :], other=0
        )
        grad_C1P = tl.load(
            grad_y + channel_C11 * grad_c + to_P[None, None, :], mask=is_channel_C11 & inside_P[None, None, :], other=0
        )
        sum_TP += tl.sum(x_CTP.to(ACC) * grad_C1P.to(ACC), 0)
    return sum_TP


@triton.jit
def backward_logits(
    grad_y,
    x,
    logits,
    grad_logits,
    statistics,
    height,
    width,
    kept_width,
    positions,
    groups,
    per_group,
    grad_n,
    grad_c,
    grad_h,
    grad_w,
    x_n,
    x_c,
    x_h,
    x_w,
    logits_n,
    logits_c,
    logits_h,
    logits_w,
    out_n,
    out_c,
    out_h,
    out_w,
    plane,
    STRIDE_H: constexpr,
    STRIDE_W: constexpr,
    K: constexpr,
    TAPS: constexpr,
    JOINT: constexpr,
    MODE_H: constexpr,
    MODE_W: constexpr,
    DOUBLE: constexpr,
    BLOCK_C: constexpr,
    BLOCK_P: constexpr,
):
    """Gradient of the logits at one block of kept positions: `W * (V - sum W V)`, V the gradient of the weights W.

    The joint softmax couples the groups: there one program goes through all of them, twice.
    """
    ACC: constexpr = tl.float64 if DOUBLE else tl.float32
    n, first = tl.program_id(2).to(tl.int64), tl.program_id(1)
    position_P = tl.program_id(0) * BLOCK_P + tl.arange(0, BLOCK_P)
    inside_P = position_P < positions
    row_P, column_P = position_P // kept_width, position_P % kept_width
    at_P, to_P = row_P * logits_h + column_P * logits_w, row_P * grad_h + column_P * grad_w
    x += n * x_n
    grad_y += n * grad_n
    logits += n * logits_n
    grad_logits += n * out_n
    top_P, total_P = _statistics(logits, first, groups, at_P, inside_P, logits_c, K, TAPS, JOINT, ACC)
    statistics += (n * tl.num_programs(1) + first) * positions + position_P
    tl.store(statistics, top_P, mask=inside_P)
    tl.store(statistics + plane, total_P, mask=inside_P)

    tap_T1 = tl.arange(0, TAPS)[:, None]
    source_row_TP = _source(row_P[None, :] * STRIDE_H + (tap_T1 // K - K // 2), height, MODE_H)
    source_column_TP = _source(column_P[None, :] * STRIDE_W + (tap_T1 % K - K // 2), width, MODE_W)
    is_tap_TP = (tap_T1 < K * K) & inside_P[None, :]
    there_TP = is_tap_TP & (source_row_TP >= 0) & (source_column_TP >= 0)
    from_TP = source_row_TP * x_h + source_column_TP * x_w

    mean_P = tl.zeros([BLOCK_P], ACC)
    if JOINT:
        for group in range(groups):
            grad_TP = _products_TP(
                x, grad_y, group, per_group, from_TP, there_TP, to_P, inside_P, x_c, grad_c, ACC, BLOCK_C
            )
            logits_TP = _logits_TP(logits, group, at_P, inside_P, logits_c, K, TAPS, ACC)
            mean_P += tl.sum(tl.exp(logits_TP - top_P[None, :]) / total_P[None, :] * grad_TP, 0)
    for group in range(first, groups if JOINT else first + 1):
        grad_TP = _products_TP(
            x, grad_y, group, per_group, from_TP, there_TP, to_P, inside_P, x_c, grad_c, ACC, BLOCK_C
        )
        logits_TP = _logits_TP(logits, group, at_P, inside_P, logits_c, K, TAPS, ACC)
        weight_TP = tl.exp(logits_TP - top_P[None, :]) / total_P[None, :]
        if not JOINT:
            mean_P = tl.sum(weight_TP * grad_TP, 0)
        out_TP = weight_TP * (grad_TP - mean_P[None, :])
        out_at_TP = (group * K * K + tap_T1) * out_c + (row_P * out_h + column_P * out_w)[None, :]
        tl.store(grad_logits + out_at_TP, out_TP.to(grad_logits.dtype.element_ty), mask=is_tap_TP)


@triton.jit
def backward_x(
    grad_y,
    logits,
    statistics,
    grad_x,
    height,
    width,
    kept_height,
    kept_width,
    groups,
    per_group,
    grad_n,
    grad_c,
    grad_h,
    grad_w,
    logits_n,
    logits_c,
    logits_h,
    logits_w,
    out_n,
    out_c,
    out_h,
    out_w,
    plane,
    STRIDE_H: constexpr,
    STRIDE_W: constexpr,
    K: constexpr,
    JOINT: constexpr,
    MODE_H: constexpr,
    MODE_W: constexpr,
    IMAGES_H: constexpr,
    IMAGES_W: constexpr,
    DOUBLE: constexpr,
    BLOCK_C: constexpr,
    BLOCK_Q: constexpr,
):
    """Gradient of the map on one block of a row's columns: each sample gathers from the positions that read it."""
    ACC: constexpr = tl.float64 if DOUBLE else tl.float32
    HALF: constexpr = K // 2
    blocks, parts = tl.cdiv(per_group, BLOCK_C), tl.cdiv(width, BLOCK_Q)
    n, group = tl.program_id(2).to(tl.int64), tl.program_id(1) // blocks
    channel_C = (tl.program_id(1) % blocks) * BLOCK_C + tl.arange(0, BLOCK_C)
    row = tl.program_id(0) // parts
    column_Q = (tl.program_id(0) % parts) * BLOCK_Q + tl.arange(0, BLOCK_Q)
    is_channel_C1, inside_Q = (channel_C < per_group)[:, None], column_Q < width
    positions = kept_height * kept_width
    grad_y += n * grad_n + group * per_group * grad_c
    grad_x += n * out_n + group * per_group * out_c
    logits += n * logits_n + group * K * K * logits_c
    statistics += (n if JOINT else n * groups + group) * positions
    sum_CQ = tl.zeros([BLOCK_C, BLOCK_Q], ACC)
    for image_h in range(IMAGES_H):
        padded_row, row_exists = _image(row, image_h, height, MODE_H, K, IMAGES_H)
        for tap_h in tl.static_range(K):
            from_top = padded_row + HALF - tap_h
            kept_row = from_top // STRIDE_H
            if row_exists & (from_top >= 0) & (from_top % STRIDE_H == 0) & (kept_row < kept_height):
                for image_w in range(IMAGES_W):
                    padded_Q, exists_Q = _image(column_Q, image_w, width, MODE_W, K, IMAGES_W)
                    exists_Q = exists_Q & inside_Q & (padded_Q >= -HALF) & (padded_Q < width + HALF)
                    if tl.max(exists_Q.to(tl.int32), 0) > 0:  # away from the border there is one image
                        for tap_w in tl.static_range(K):
                            from_left_Q = padded_Q + HALF - tap_w
                            kept_Q = from_left_Q // STRIDE_W
                            reads_Q = exists_Q & (from_left_Q >= 0) & (from_left_Q % STRIDE_W == 0)
                            reads_Q = reads_Q & (kept_Q < kept_width)
                            tap_at_Q = (tap_h * K + tap_w) * logits_c + kept_row * logits_h + kept_Q * logits_w
                            logit_Q = tl.load(logits + tap_at_Q, mask=reads_Q, other=0).to(ACC)
                            seen_Q = statistics + kept_row * kept_width + kept_Q
                            top_Q = tl.load(seen_Q, mask=reads_Q, other=0)
                            total_Q = tl.load(seen_Q + plane, mask=reads_Q, other=1)
                            weight_Q = tl.exp(logit_Q - top_Q) / total_Q
                            at_CQ = channel_C[:, None] * grad_c + (kept_row * grad_h + kept_Q * grad_w)[None, :]
                            grad_CQ = tl.load(grad_y + at_CQ, mask=is_channel_C1 & reads_Q[None, :], other=0)
                            sum_CQ += weight_Q[None, :] * grad_CQ.to(ACC)
    to_CQ = channel_C[:, None] * out_c + (row * out_h + column_Q * out_w)[None, :]
    tl.store(grad_x + to_CQ, sum_CQ.to(grad_x.dtype.element_ty), mask=is_channel_C1 & inside_Q[None, :])
