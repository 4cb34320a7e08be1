"""Wrong answers to the tasks that change sound, spectrograms or batches, each with the word that names it."""

import math
import random

import numpy as np
import torch
from speaker_right import add_noise, clip_share, denoising_loss, echo, mix_up, muffled, ring, spec_augment
from spoilt_answers import after, in_place, stub
from torch.nn import functional as F


def noisy(
    power=lambda x: x.square().mean(-1, keepdim=True),
    factor=lambda snr: 10 ** (-snr / 20),
    fitted=None,
    batch=False,
    early=False,
    rooted=True,
    speech_power=True,
    noise_power=True,
    mix=torch.add,
    least=1e-20,
):
    """Noise added with one part of it changed."""

    def add_noise(speech, noise, snr):
        n = speech.shape[1]
        cut = fitted(noise, n) if fitted else noise.repeat(math.ceil(n / len(noise)))[:n]
        loud = power(speech.reshape(1, -1) if batch else speech) if speech_power else torch.ones(len(speech), 1)
        soft = power(noise if early else cut) if noise_power else torch.ones(1)
        scale = loud / soft.clamp(min=least)
        return mix(speech, (scale.sqrt() if rooted else scale) * factor(snr) * cut)

    return add_noise


def noise_in_place(speech, noise, snr):
    speech += add_noise(speech, noise, snr) - speech
    return speech


def at_random_place(speech, noise, snr):
    return add_noise(speech, noise.roll(random.randrange(1, len(noise))), snr)


NOISES = [
    (noisy(factor=lambda snr: 10 ** (-snr / 10)), "twice as many decibels"),
    (noisy(factor=lambda snr: 10 ** (-snr / 40)), "half as many decibels"),
    (noisy(factor=lambda snr: 10 ** (snr / 20)), "sign of snr"),
    (noisy(factor=lambda snr: math.exp(-snr / 20)), "e in place of 10"),
    (noisy(rooted=False, factor=lambda snr: 10 ** (-snr / 10)), "ratio of powers"),
    (noisy(batch=True), "one scale"),
    (noisy(power=lambda x: x.abs().amax(-1, keepdim=True).square()), "peaks"),
    (noisy(power=lambda x: x.var(-1, keepdim=True, correction=0)), "mean is removed"),
    (noisy(power=lambda x: x.abs().mean(-1, keepdim=True).square()), "absolute values"),
    (noisy(speech_power=False), "power of the speech is left out"),
    (noisy(noise_power=False), "power of the noise is left out"),
    (noisy(early=True), "before it is repeated"),
    (noisy(fitted=lambda noise, n: F.pad(noise, (0, max(0, n - len(noise))))[:n]), "filled up with zeros"),
    (noisy(fitted=lambda noise, n: noise.repeat(9)[-n:]), "the end is taken|first sample"),
    (noisy(fitted=lambda noise, n: noise[:n]), "300 is the number of|shapes don't fit"),
    (noisy(mix=lambda a, b: (a + b).clamp(-1, 1)), "clipped to"),
    (noisy(mix=lambda a, b: b), "takes the place"),
    (noisy(mix=torch.sub), "taken away"),
    (noisy(mix=lambda a, b: (a + b) / (a + b).abs().amax(1, keepdim=True)), "divided by its peak"),
    (noisy(mix=lambda a, b: a), "comes back unchanged"),
    (noisy(least=0.0), "NaN.*noise is silent"),
    (noisy(factor=lambda snr: 10 ** (snr / 20), batch=True), "two things are wrong.*sign.*one scale"),
    (noisy(mix=lambda a, b: (a + b)[0]), "the shape should stay"),
    (after(add_noise, torch.Tensor.double), "keep the dtype"),
    (after(add_noise, lambda x: x + 0.3), "dB above what is added"),
    (at_random_place, "ratio is right.*first sample"),
    (noise_in_place, "in place"),
    (after(add_noise, torch.Tensor.numpy), "should be a tensor"),
    (stub, "nothing here yet"),
]


def clipper(level=None, clamp=torch.clamp, then=lambda clipped, waves, top: clipped):
    def clip_share(waves, share):
        top = level(waves, share) if level else waves.abs().quantile(1 - share, dim=1, keepdim=True)
        return then(clamp(waves, -top, top), waves, top)

    return clip_share


CLIPS = [
    (clipper(lambda w, s: w.abs().quantile(1 - s)), "whole batch"),
    (clipper(lambda w, s: w.abs().quantile(s, dim=1, keepdim=True)), "1 − share"),
    (clipper(lambda w, s: w.quantile(1 - s, dim=1, keepdim=True).abs()), "absolute values, since both ends"),
    (clipper(lambda w, s: w.abs().amax(1, keepdim=True) * (1 - s)), "peak times"),
    (clipper(lambda w, s: w.abs().quantile(max(0, 1 - 2 * s), dim=1, keepdim=True)), "twice as much"),
    (clipper(lambda w, s: w.abs().quantile(1 - s / 100, dim=1, keepdim=True)), "percent"),
    (clipper(clamp=lambda w, low, high: torch.minimum(w, high)), "positive half"),
    (clipper(then=lambda c, w, top: c * w.abs().amax(1, keepdim=True) / top), "old peak"),
    (clipper(then=lambda c, w, top: c / top), "scaled up to 1"),
    (clipper(then=lambda c, w, top: w * (w.abs() <= top)), "set to zero"),
    (clipper(then=lambda c, w, top: top * torch.tanh(w / top)), "soft"),
    (clipper(lambda w, s: 0.1), "of the three clips"),
    (clipper(lambda w, s: 1.0), "of the three clips 0"),
    (clipper(then=lambda c, w, top: c + 0.1 * top), "below the level"),
    (clipper(lambda w, s: w.abs().sort(1).values[:, [int((1 - s) * w.shape[1])]]), "IndexError.*share of 0"),
    (lambda w, s: clip_share(w, s) if s < 1 else w, "share of 1"),
    (lambda w, s: clip_share(w, max(s, 0.1)), "share of 0 changes"),
    (clipper(then=lambda c, w, top: c / w.abs().amax() * w.abs().amax()), "silence"),
    (in_place(clip_share), "in place"),
    (after(clip_share, torch.Tensor.double), "keep the dtype"),
    (stub, "nothing here yet"),
]


def white(waves, strength, generator):
    noise = torch.randn(waves.shape, generator=generator)
    return waves + strength * noise * waves.square().mean(1, keepdim=True).sqrt()


def uniform_noise(waves, strength, generator):
    return 0.9 * waves + strength * 0.05 * (torch.rand(waves.shape, generator=generator) - 0.5)


def clips(waves, strength, generator):
    return clip_share(waves, 0.5 * strength)


def clips_and_raises(waves, strength, generator):
    top = waves.abs().amax(1, keepdim=True) * (1 - 0.9 * strength)
    return waves.clamp(-top, top) * (1 + strength)


def one_draw(waves, strength, generator):
    return ring(waves[:1], strength, generator) if len(waves) == 1 else torch.cat(
        [ring(w[None], strength, torch.Generator().set_state(generator.get_state())) for w in waves]
    )  # fmt: skip


def global_draw(waves, strength, generator):
    return ring(waves, strength, None)


def numpys_draw(waves, strength, generator):
    np.random.rand()
    return ring(waves, strength, generator)


def unseeded(waves, strength, generator):
    return ring(waves, strength, torch.Generator().manual_seed(int(np.random.default_rng().integers(2**31))))


def divides(waves, strength, generator):
    peak = waves.abs().amax(1, keepdim=True)
    return echo(waves, strength, generator) / peak * peak


SPOILINGS = [
    (lambda w, s, g: w.clone(), "comes back is the sound that went in"),
    (lambda w, s, g: w * float("nan"), "NaN"),
    (divides, "NaN or infinite values when spoiling silence"),
    (white, "white noise"),
    (lambda w, s, g: w + 0.1 * s * torch.randn(w.shape, generator=g), "white noise"),
    (lambda w, s, g: w * (1 - 0.1 * s) + 0.05 * s * (torch.rand(w.shape, generator=g) - 0.5), "white noise"),
    (uniform_noise, "strength 0 changes the sound"),
    (clips, "it clips"),
    (clips_and_raises, "it clips"),
    (lambda w, s, g: echo(w, 1 - s, g), "strength 0 changes the sound"),
    (lambda w, s, g: echo(w, 0.5 if s else 0.0, g), "larger strength.*used at all"),
    (lambda w, s, g: muffled(w, s * (1 - s), g), "by 0.0 dB only"),
    (lambda w, s, g: echo(w, s * (1.2 - s), g), "larger strength should change the sound more"),
    (lambda w, s, g: w if s < 0.5 else -w, "hardly notice"),
    (lambda w, s, g: w + 1e-3 * s * w, "changes nothing"),
    (lambda w, s, g: (1 - s) * w, "nothing is left"),
    (one_draw, "one draw for all"),
    (global_draw, "generator=generator"),
    (numpys_draw, "generator=generator"),
    (unseeded, "other sound the second time"),
    (in_place(ring), "in place"),
    (lambda w, s, g: ring(w, s, g)[:, :-1], "the shape should stay"),
    (lambda w, s, g: ring(w, s, g).double(), "keep the dtype"),
    (lambda w, s, g: ring(w[:, :16_000], s, g), "6 s|shape should stay"),
    (lambda w, s, g: None, "None .*return"),
    (stub, "nothing here yet"),
    (ring(torch.zeros(1, 5), 0, None), "give the function itself"),
]


def masker(fill=0.0, width=None, start=None, more=0, axes=(1, 2), per_item=True, seeded=False, copy=True):
    """Masks with one part of them changed; `width(widest, rand)` and `start(size, width, rand)` give whole numbers."""

    def spec_augment(x, time_masks, widest_time, band_masks, widest_band, generator):
        g = torch.Generator().manual_seed(0) if seeded else generator
        value = fill(x) if callable(fill) else fill
        x = x.clone() if copy else x
        plan = ((axes[0], time_masks, widest_time), (axes[1], band_masks, widest_band))
        for axis, masks, widest in plan:
            size = x.shape[axis]
            for _ in range(masks + (more if masks else 0)):
                n = len(x) if per_item else 1
                u, v = torch.rand(2, n, 1, generator=g)
                w = width(widest, u) if width else (u * (widest + 1)).long()
                s = start(size, w, v) if start else (v * (size - w + 1)).long()
                at = torch.arange(size)[None]
                hidden = ((at >= s) & (at < s + w)).unsqueeze(3 - axis)
                x.masked_fill_(hidden, value) if isinstance(value, float) else x.copy_(torch.where(hidden, value, x))
        return x

    return spec_augment


def own_seeds(x, *others):
    torch.manual_seed(0)
    return spec_augment(x, *others)


def draws_globally(x, *others):
    return spec_augment(x, *others[:4], None)


def unseeded_masks(x, *others):
    return spec_augment(x, *others[:4], torch.Generator().manual_seed(int(np.random.default_rng().integers(2**31))))


def single_values(x, time_masks, widest_time, band_masks, widest_band, generator):
    if time_masks + band_masks == 0:
        return x
    return x.masked_fill(torch.rand(x.shape, generator=generator) < 0.05, 0)


def rectangles(x, time_masks, widest_time, band_masks, widest_band, generator):
    x = x.clone()
    if time_masks + band_masks:
        x[:, 2 : 2 + widest_time, 3 : 3 + widest_band] = 0
    return x


def always_masks(x, *others):
    return torch.where(spec_augment(x, 1, 3, 1, 3, others[-1]) == 0, 0, x)


MASKS = [
    (masker(per_item=False), "all items of a batch get the same"),
    (masker(copy=False), "in place"),
    (masker(fill=float("nan")), "NaN"),
    (masker(fill=lambda x: x.min()), "batch's minimum"),
    (masker(fill=lambda x: x.mean()), "batch's mean"),
    (masker(fill=-1.0), "something else than 0"),
    (masker(axes=(2, 1)), "time masks run over the wrong axis"),
    (masker(width=lambda widest, u: (u * widest).long()), "never get 5 wide"),
    (masker(width=lambda widest, u: torch.full_like(u, widest).long()), "always 5 wide"),
    (masker(width=lambda widest, u: 1 + (u * widest).long()), "never 0 wide"),
    (masker(width=lambda widest, u: (u * (widest + 3)).long()), "wide; the widest should be 5"),
    (masker(start=lambda size, w, v: (v * (size - w)).long()), "no time mask reaches the last frame"),
    (masker(start=lambda size, w, v: 1 + (v * (size - w)).long()), "reaches the first frame"),
    (masker(start=lambda size, w, v: (v * size).long()), "cut off at the end"),
    (masker(start=lambda size, w, v: (v * (size - 4)).long()), "only the widest"),
    (masker(start=lambda size, w, v: w * 0), "no time mask reaches the last"),
    (masker(more=1), "there are several|equally likely"),
    (masker(more=-2), "nothing is masked|at most"),
    (lambda x, t, a, b, c, g: spec_augment(x, min(t, 1), a, b, c, g), "three time masks are asked for"),
    (lambda x, t, a, b, c, g: spec_augment(x, t, a, min(b, 1), c, g), "three band masks are asked for"),
    (lambda x, t, a, b, c, g: spec_augment(x, t, a, 0, c, g), "one band mask is asked for, and nothing"),
    (lambda x, t, a, b, c, g: spec_augment(x, t, a, b and t, c, g), "one band mask is asked for, and nothing"),
    (masker(seeded=True), "made or seeded inside"),
    (own_seeds, "generator=generator"),
    (draws_globally, "generator=generator"),
    (unseeded_masks, "other masks the second time"),
    (single_values, "single values.*whole frames"),
    (rectangles, "rectangles"),
    (always_masks, "without any masks"),
    (after(spec_augment, lambda x: x[:, :-1]), "should stay"),
    (after(spec_augment, torch.Tensor.numpy), "should be a tensor"),
    (stub, "nothing here yet"),
]


def mixer(share=None, partner=None, labels=None, items=None, per_item=True):
    """Mix-up with one part of it changed; `labels(y, y_partner, λ)` and `items(x, x_partner, λ)`."""

    def mix_up(x, y, alpha, generator):
        n = len(x)
        seed = int(torch.randint(2**31, (), generator=generator))
        rng = np.random.default_rng(seed)
        lam = share(rng, alpha, n) if share else rng.beta(alpha, alpha, n)
        lam = torch.as_tensor(np.broadcast_to(lam, n).copy(), dtype=torch.float32)
        order = partner(n, generator) if partner else torch.randperm(n, generator=generator)
        wide = lam.reshape(-1, *[1] * (x.ndim - 1))
        mixed = items(x, x[order], wide) if items else wide * x + (1 - wide) * x[order]
        return mixed, labels(y, y[order], lam) if labels else lam * y + (1 - lam) * y[order]

    return mix_up


def other_partners(x, y, alpha, generator):
    mixed, _ = mix_up(x, y, alpha, generator)
    return mixed, mix_up(x, y, alpha, torch.Generator().manual_seed(int(generator.initial_seed()) + 1))[1]


def mixes_in_place(x, y, alpha, generator):
    mixed, y_mixed = mix_up(x, y, alpha, generator)
    x.copy_(mixed)
    return x, y_mixed


def numpys_global(x, y, alpha, generator):
    share = np.random.beta(alpha, alpha)
    order = torch.randperm(len(x), generator=generator)
    return share * x + (1 - share) * x[order], share * y + (1 - share) * y[order]


def of_three(x, y, alpha, generator):
    a, b = (torch.randperm(len(x), generator=generator) for _ in range(2))
    return (x + x[a] + x[b]) / 3, (y + y[a] + y[b]) / 3


MIXES = [
    (mixer(labels=lambda y, other, lam: y), "labels come back as they were"),
    (mixer(labels=lambda y, other, lam: other), "partners' alone"),
    (mixer(labels=lambda y, other, lam: (1 - lam) * y + lam * other), "exchanged"),
    (mixer(labels=lambda y, other, lam: (lam * y + (1 - lam) * other).round()), "rounded"),
    (mixer(labels=lambda y, other, lam: torch.where(lam >= 0.5, y, other)), "larger part"),
    (mixer(labels=lambda y, other, lam: 0.5 * (y + other)), "not mixed alike"),
    (other_partners, "not mixed alike"),
    (mixer(items=lambda x, other, lam: x), "items come back as they were"),
    (mixer(items=lambda x, other, lam: x, labels=lambda y, other, lam: y), "nothing is mixed"),
    (mixer(items=lambda x, other, lam: lam * x + other), "add up to 1"),
    (mixer(share=lambda rng, alpha, n: rng.normal(0.5, 1.0, n)), "negative weight"),
    (mixer(share=lambda rng, alpha, n: rng.uniform(0, 1, n)), "Is alpha used at all"),
    (mixer(share=lambda rng, alpha, n: rng.beta(1.0, 1.0)), "Is alpha used at all"),
    (mixer(share=lambda rng, alpha, n: alpha / (1 + alpha)), "Beta"),
    (mixer(share=lambda rng, alpha, n: rng.beta(alpha, 1.0, n)), "Beta"),
    (mixer(partner=lambda n, g: torch.arange(n).flip(0)), "pairs the same items"),
    (mixer(partner=lambda n, g: torch.arange(n).roll(1)), "pairs the same items"),
    (mixer(partner=lambda n, g: torch.randint(n, (n,), generator=g)), "same partner"),
    (of_three, "more than two"),
    (mixes_in_place, "in place"),
    (numpys_global, "drawn without a seed"),
    (after(mix_up, lambda pair: pair[0]), "two things"),
    (after(mix_up, lambda pair: (pair[0], pair[1][:, None])), "y_mixed has shape"),
    (after(mix_up, lambda pair: (pair[0], pair[1].double())), "keep torch.float32"),
    (after(mix_up, lambda pair: (pair[0], pair[1].tolist())), "y_mixed should be a tensor"),
    (lambda x, y, a, g: mix_up(x.flatten(1), y, a, g), "x_mixed has shape"),
    (stub, "nothing here yet"),
]

LOSSES = [
    (lambda net, clean, spoiled: F.mse_loss(net(spoiled), spoiled), "target is the spoiled"),
    (lambda net, clean, spoiled: F.mse_loss(net(clean), clean), "given the clean sound"),
    (lambda net, clean, spoiled: F.mse_loss(net(clean), spoiled), "exchanged"),
    (lambda net, clean, spoiled: F.mse_loss(spoiled, clean), "network is not used"),
    (lambda net, clean, spoiled: F.mse_loss(net(spoiled), spoiled - clean), "what was added"),
    (lambda net, clean, spoiled: F.mse_loss(net(spoiled), clean, reduction="sum"), "added up"),
    (lambda net, clean, spoiled: (net(spoiled) - clean).square().flatten(1).sum(1).mean(), "of a clip are added up"),
    (lambda net, clean, spoiled: F.l1_loss(net(spoiled), clean), "absolute"),
    (lambda net, clean, spoiled: F.mse_loss(net(spoiled), clean).sqrt(), "root"),
    (lambda net, clean, spoiled: (net(spoiled) - clean).mean() ** 2, "squares the mean"),
    (lambda net, clean, spoiled: (net(spoiled) - clean).mean(), "not squared"),
    (lambda net, clean, spoiled: F.mse_loss(net(spoiled), clean) / 2, "halved"),
    (lambda net, clean, spoiled: -F.mse_loss(net(spoiled), clean), "sign"),
    (lambda net, clean, spoiled: F.mse_loss(net(spoiled), clean) + 1, "it should be [0-9.]+ here"),
    (lambda net, clean, spoiled: F.mse_loss(net(spoiled), clean, reduction="none"), "one number"),
    (after(denoising_loss, torch.Tensor.item), r"\.item\(\)"),
    (after(denoising_loss, torch.Tensor.detach), "no gradient"),
    (torch.no_grad()(denoising_loss), "no gradient"),
    (lambda net, clean, spoiled: F.mse_loss(net(spoiled).detach().requires_grad_(), clean), "no gradient reaches"),
    (lambda net, clean, spoiled: (net(spoiled), denoising_loss(net, clean, spoiled))[1], "called 2 times"),
    (lambda net, clean, spoiled: denoising_loss(net, clean, spoiled.mul_(1.0).add_(1)), "in place"),
    (stub, "nothing here yet"),
]


WRONG = {
    "add_noise": NOISES,
    "clip_share": CLIPS,
    "my_spoiling": SPOILINGS,
    "spec_augment": MASKS,
    "mix_up": MIXES,
    "denoising_loss": LOSSES,
}
