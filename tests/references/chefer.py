"""Relevance and gradients of attention (Chefer, Gur & Wolf, CVPR 2021), text by text and term by term, in float64.

It runs the network's weights through a forward of its own: post-norm blocks, GELU, a head with tanh.
"""

import numpy as np
import torch
from torch.nn import functional


def quotient(a: float, b: float) -> float:
    if b == 0:
        return 0.0
    return a / (1e-9 if b == -1e-9 else b + 1e-9)


def linear(relevance: np.ndarray, inputs: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """[places, out] to [places, in]: each output shared by the positive products that made it."""
    shared = np.zeros_like(inputs)
    for place in range(len(inputs)):
        for out in range(len(weight)):
            products = inputs[place] * weight[out]
            products[products < 0] = 0
            shared[place] += products * quotient(relevance[place, out], products.sum())
    return shared


def add(relevance: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    of_a, of_b = np.zeros_like(a), np.zeros_like(b)
    for place in np.ndindex(a.shape):
        each = quotient(relevance[place], a[place] + b[place])
        of_a[place], of_b[place] = a[place] * each, b[place] * each
    both = abs(of_a.sum()) + abs(of_b.sum())
    fact_a = quotient(abs(of_a.sum()), both) * relevance.sum()
    fact_b = quotient(abs(of_b.sum()), both) * relevance.sum()
    return of_a * quotient(fact_a, of_a.sum()), of_b * quotient(fact_b, of_b.sum())


def product(relevance: np.ndarray, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    of_left, of_right = np.zeros_like(left), np.zeros_like(right)
    for i in range(left.shape[0]):
        for j in range(right.shape[1]):
            terms = left[i] * right[:, j]
            parts = terms * quotient(relevance[i, j], terms.sum()) / 2
            of_left[i] += parts
            of_right[:, j] += parts
    return of_left, of_right


def clone(x: np.ndarray, *relevances: np.ndarray) -> np.ndarray:
    merged = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        merged[place] = x[place] * sum(quotient(relevance[place], x[place]) for relevance in relevances)
    return merged


def mean(relevance: np.ndarray, states: np.ndarray) -> np.ndarray:
    """[dim] to [tokens, dim]: a linear layer of weights 1/T; where it has no positive product, shared by size."""
    tokens, dims = states.shape
    shared = np.zeros_like(states)
    for dim in range(dims):
        products = states[:, dim] / tokens
        parts = np.array([max(each, 0.0) for each in products])
        if parts.sum() == 0:
            parts = np.array([abs(each) for each in products])
        for token in range(tokens):
            shared[token, dim] = parts[token] * quotient(relevance[dim], parts.sum())
    return shared


def scores(model, row, reading: str = "logit", start_layer: int = 0) -> tuple[np.ndarray, list[float]]:
    """Scores of one text's tokens, and the total of relevance after each block, last block first."""
    network = model.network.double()
    encoder = network.encoder if hasattr(network, "encoder") else network.base_model
    pooled_by_mean = getattr(network, "pooling", "first") == "mean"
    blocks = encoder.encoder.layer
    if hasattr(network, "head"):
        hidden, logits = network.head.dense, network.head.out_proj
    elif hasattr(network.classifier, "out_proj"):
        hidden, logits = network.classifier.dense, network.classifier.out_proj
    else:
        hidden, logits = encoder.pooler.dense, network.classifier
    ids = {"input_ids": row.ids, "position_ids": row.positions}
    if network.config.type_vocab_size > 1:
        ids["token_type_ids"] = row.types
    given = encoder.embeddings(**{name: torch.tensor(each)[None] for name, each in ids.items()})[0].detach()

    # forwards, keeping what each step is given
    x, kept = given.requires_grad_(True), []
    for block in blocks:
        attention = block.attention.self
        heads, part = attention.num_attention_heads, attention.attention_head_size
        query, key, value = (of(layer, x) for layer in (attention.query, attention.key, attention.value))
        weights, context = [], []
        for head in range(heads):
            its = slice(head * part, (head + 1) * part)
            weights.append(torch.softmax(query[:, its] @ key[:, its].T / part**0.5, dim=-1))
            context.append(weights[-1] @ value[:, its])
        mixed = of(block.attention.output.dense, torch.cat(context, dim=-1))
        between = norm(block.attention.output.LayerNorm, mixed + x)
        inner = functional.gelu(of(block.intermediate.dense, between))
        fed = of(block.output.dense, inner)
        kept.append((block, x, query, key, value, weights, torch.cat(context, dim=-1), mixed, between, inner, fed))
        x = norm(block.output.LayerNorm, fed + between)
    pooled = x.mean(0) if pooled_by_mean else x[0]
    between_layers = torch.tanh(of(hidden, pooled))
    outputs = of(logits, between_layers)
    (target,) = row.target.chosen
    others = [label for label in range(len(outputs)) if label != target]
    explained = outputs[target] - (0 if reading == "logit" else torch.logsumexp(outputs[others], dim=0))

    # backwards
    one_hot = np.eye(len(outputs))[[target]]
    relevance = linear(one_hot, array(between_layers)[None], array(logits.weight))
    relevance = linear(relevance, array(pooled)[None], array(hidden.weight))
    if pooled_by_mean:
        relevance = mean(relevance[0], array(x))
    else:
        relevance = np.concatenate([relevance, np.zeros((len(row) - 1, relevance.shape[1]))])
    totals, flows = [relevance.sum()], []
    for block, x, query, key, value, weights, context, mixed, between, inner, fed in reversed(kept):
        attention = block.attention.self
        of_fed, of_between = add(relevance, array(fed), array(between))
        of_inner = linear(of_fed, array(inner), array(block.output.dense.weight))
        of_rising = linear(of_inner, array(between), array(block.intermediate.dense.weight))
        relevance = clone(array(between), of_rising, of_between)
        of_mixed, of_x = add(relevance, array(mixed), array(x))
        of_context = linear(of_mixed, array(context), array(block.attention.output.dense.weight))
        of_query, of_key, of_value = (np.zeros_like(array(each)) for each in (query, key, value))
        flow = np.zeros((len(row), len(row)))
        part = attention.attention_head_size
        for head, each in enumerate(weights):
            its = slice(head * part, (head + 1) * part)
            of_weights, of_value[:, its] = product(of_context[:, its], array(each), array(value)[:, its])
            (gradient,) = torch.autograd.grad(explained, each, retain_graph=True)
            flow += np.maximum(0, of_weights * array(gradient)) / len(weights)
            of_query[:, its], of_transposed = product(of_weights, array(query)[:, its], array(key)[:, its].T)
            of_key[:, its] = of_transposed.T
        flows.insert(0, flow)
        relevance = clone(
            array(x),
            of_x,
            linear(of_query, array(x), array(attention.query.weight)),
            linear(of_key, array(x), array(attention.key.weight)),
            linear(of_value, array(x), array(attention.value.weight)),
        )
        totals.append(relevance.sum())

    followed, residual = np.eye(len(row)), np.eye(len(row))
    for flow in flows[start_layer:]:
        scale = np.diag(1 / (flow + np.eye(len(row))).sum(axis=1))
        followed, residual = scale @ (flow + np.eye(len(row))) @ followed, scale @ residual
    if pooled_by_mean:  # what a token owes to nothing but itself explains nothing
        return (followed - residual).mean(0), totals
    found = followed[0].copy()
    found[0] = found.min()
    return found, totals


def of(layer, x: torch.Tensor) -> torch.Tensor:
    return x @ layer.weight.T + layer.bias


def norm(layer, x: torch.Tensor) -> torch.Tensor:
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.pow(2).mean(-1, keepdim=True) + layer.eps).sqrt() * layer.weight + layer.bias


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy().copy()
