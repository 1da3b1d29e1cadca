"""What a plan takes for granted of the cache that serving keeps, and says so."""

from dataclasses import replace

from scaling_cli.findings import Finding
from scaling_cli.laws.accounting import count_params
from scaling_cli.laws.architecture import Architecture
from scaling_cli.planning.constrained.plan import BYTES, Sizes
from scaling_cli.planning.constrained.problem import GB, KV_BYTES, KV_COEFFICIENT, KV_EXPONENT
from scaling_cli.planning.constrained.solved import SolvedPlan
from scaling_cli.units import format_count, format_number

_OWN = "say kv_bytes_per_token in the plan file where it is another"


def is_cache_assumed(sizes: Sizes) -> bool:
    """Say whether a memory must hold a cache whose bytes per token are not told."""
    return sizes.memory_gb is not None and sizes.kv_tokens is not None and sizes.kv_bytes_per_token is None


def cache_bytes(shape: Architecture) -> float:
    """Return the bytes of one token in the cache of a model: keys and values of every layer in 16 bits."""
    return KV_BYTES * 2 * shape.layers * shape.kv_heads * shape.head_size


def with_assumed_cache(solved: SolvedPlan) -> SolvedPlan:
    """Return the plan with the finding ``assumed-kv-cache``, where a usual cache stands for one's own."""
    N = solved.allocation.params
    if N is None or not is_cache_assumed(solved.plan.sizes):
        return solved
    per_token = format_count(KV_BYTES * KV_COEFFICIENT * N**KV_EXPONENT)
    message = (
        f"the cache is taken to keep {per_token} bytes a token, as models of {format_count(N)} with as many "
        f"heads for keys and values as for queries do in 16 bits: grouped queries keep less, {_OWN}"
    )
    return _saying(solved, Finding("assumed-kv-cache", "info", message))


def with_cache_of_model(solved: SolvedPlan, shape: Architecture) -> SolvedPlan:
    """Return the plan of a model with the finding ``assumed-kv-cache``: its cache is counted, in 16 bits."""
    message = (
        f"the cache is taken to keep {format_count(cache_bytes(shape))} bytes a token, the keys and values "
        f"of the model's {shape.layers} layers in 16 bits: {_OWN}"
    )
    return _saying(solved, Finding("assumed-kv-cache", "info", message))


def with_memory_of_experts(solved: SolvedPlan, shape: Architecture) -> SolvedPlan:
    """Return the plan of a model with experts, with the memory that all of its params take.

    N is the params that a token uses, and the limit weighs no others.
    """
    sizes, count = solved.plan.sizes, count_params(shape)
    if sizes.memory_gb is None or not shape.is_moe:
        return solved
    cache = (sizes.kv_tokens or 0.0) * (sizes.kv_bytes_per_token or 0.0)
    taken = (BYTES[sizes.serve_dtype] * count.total + cache) / GB
    if taken <= sizes.memory_gb:
        return solved
    message = (
        f"the memory weighs the {format_count(count.active)} params a token uses: all "
        f"{format_count(count.total)} take {format_number(taken, 4)} GB, more than its "
        f"{format_number(sizes.memory_gb, 4)}"
    )
    return _saying(solved, Finding("memory-of-experts", "warning", message))


def _saying(solved: SolvedPlan, finding: Finding) -> SolvedPlan:
    allocation = solved.allocation
    return replace(solved, allocation=replace(allocation, findings=(*allocation.findings, finding)))
