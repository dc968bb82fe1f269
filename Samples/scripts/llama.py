"""A small llama-architecture language model in plain PyTorch, and its perplexity.

Parameter names are those of a Hugging Face LlamaForCausalLM checkpoint, so that
its state dict is the checkpoint. Shapes in comments: B sequences, T tokens,
H query heads, K key/value heads, D = 64 numbers a head.
"""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

VOCAB, HIDDEN, LAYERS, HEADS, KV_HEADS, INNER, CONTEXT = 1024, 256, 3, 4, 2, 768, 256
HEAD_DIM, THETA, EPS = HIDDEN // HEADS, 10000.0, 1e-5


def rotation():
    """cos and sin of RoPE, (CONTEXT, D), each frequency standing at i and at i + D/2."""
    frequency = THETA ** (-torch.arange(0, HEAD_DIM, 2).float() / HEAD_DIM)
    angle = torch.outer(torch.arange(CONTEXT).float(), frequency).repeat(1, 2)
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    low, high = x.chunk(2, dim=-1)
    return x * cos[:x.shape[-2]] + torch.cat((-high, low), -1) * sin[:x.shape[-2]]


class Attention(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.q_proj = nn.Linear(HIDDEN, HEADS * HEAD_DIM, bias=False)
        self.k_proj = nn.Linear(HIDDEN, KV_HEADS * HEAD_DIM, bias=False)
        self.v_proj = nn.Linear(HIDDEN, KV_HEADS * HEAD_DIM, bias=False)
        self.o_proj = nn.Linear(HEADS * HEAD_DIM, HIDDEN, bias=False)
        self.dropout = dropout

    def forward(self, x, cos, sin):
        B, T, _ = x.shape
        q, k, v = (p(x).view(B, T, -1, HEAD_DIM).transpose(1, 2)            # (B, H or K, T, D)
                   for p in (self.q_proj, self.k_proj, self.v_proj))
        q, k = rotate(q, cos, sin), rotate(k, cos, sin)
        k, v = (t.repeat_interleave(HEADS // KV_HEADS, dim=1) for t in (k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True,
                                           dropout_p=self.dropout if self.training else 0.0)
        return self.o_proj(y.transpose(1, 2).reshape(B, T, -1))


class MLP(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate_proj = nn.Linear(HIDDEN, INNER, bias=False)
        self.up_proj = nn.Linear(HIDDEN, INNER, bias=False)
        self.down_proj = nn.Linear(INNER, HIDDEN, bias=False)

    def forward(self, x):
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.input_layernorm = nn.RMSNorm(HIDDEN, eps=EPS)
        self.self_attn = Attention(dropout)
        self.post_attention_layernorm = nn.RMSNorm(HIDDEN, eps=EPS)
        self.mlp = MLP()
        self.drop = nn.Dropout(dropout)

    def forward(self, x, cos, sin):
        x = x + self.drop(self.self_attn(self.input_layernorm(x), cos, sin))
        return x + self.drop(self.mlp(self.post_attention_layernorm(x)))


class Body(nn.Module):
    def __init__(self, dropout):
        super().__init__()
        self.embed_tokens = nn.Embedding(VOCAB, HIDDEN)
        self.layers = nn.ModuleList(Layer(dropout) for _ in range(LAYERS))
        self.norm = nn.RMSNorm(HIDDEN, eps=EPS)
        self.drop = nn.Dropout(dropout)

    def forward(self, tokens, cos, sin):
        x = self.drop(self.embed_tokens(tokens))
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.norm(x)


class Llama(nn.Module):
    def __init__(self, dropout=0.0):
        super().__init__()
        self.model = Body(dropout)
        self.lm_head = nn.Linear(HIDDEN, VOCAB, bias=False)
        self.rope = rotation()
        for name, p in self.named_parameters():
            if p.dim() == 2:
                into_residual = name.endswith(("o_proj.weight", "down_proj.weight"))
                nn.init.normal_(p, std=0.02 / math.sqrt(2 * LAYERS) if into_residual else 0.02)

    def forward(self, tokens):                                               # (B, T)
        return self.lm_head(self.model(tokens, *self.rope))                  # (B, T, VOCAB)


@torch.no_grad()
def window_losses(model, tokens, batch=16):
    """Negative log likelihoods in nats, (windows, 255), over non-overlapping windows of 256 tokens.

    Each window stands alone: its first token is given, the other 255 are predicted.
    A last window that is not full is left out.
    """
    windows = torch.as_tensor(tokens)[:len(tokens) // CONTEXT * CONTEXT].view(-1, CONTEXT)
    losses = [F.cross_entropy(model(w)[:, :-1].transpose(1, 2), w[:, 1:], reduction="none")
              for w in windows.split(batch)]
    return torch.cat(losses)
