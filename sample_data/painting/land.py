"""What lies below the sky: coasts, the sea, sand, fields."""

from __future__ import annotations

import numpy as np

from .noise import Noise, smooth
from .pen import mix, rgb
from .scene import Scene, grid, lay

CROPS = ("8fb84e", "d9bf5a", "a7c957", "6a994e", "e3cf72", "588157", "b5a642")


def coast(scene: Scene, rng: np.random.Generator, noise: Noise, high: bool) -> None:
    """Ridges behind the sea, the farther the paler, sinking to the water at their ends."""
    weather, horizon = scene.weather, scene.horizon
    width, height = scene.wh
    x, y = grid(scene.canvas)
    for layer in range(3 if high else 2):
        middle, reach = rng.uniform(-0.1, 1.1) * width, rng.uniform(0.35, 0.75) * width
        bulk = np.exp(-(((x - middle) / reach) ** 2) * 2.5) - 0.15
        peak = (0.22 - 0.06 * layer if high else 0.09) * height
        rough = 0.8 + 0.5 * noise(x / width * 3 + 7 * layer, layer * 3.3, 5)
        ridge = horizon - np.maximum(peak * bulk * rough, -4)
        near = 0.15 + 0.33 * layer if high else 0.25 + 0.4 * layer
        colour = mix(rgb(weather.far_land), rgb(weather.near_land), near)
        slopes = noise(x / width * 14, y / width * 22 + layer * 5, 4)
        field = colour * (1 + 0.22 * near * slopes + 0.10 * (ridge - y) / height)[..., None]
        hazy = mix(field, rgb(weather.horizon), 0.35 - 0.1 * layer)
        lay(scene.canvas, hazy, smooth(-0.7, 0.7, y - ridge) * smooth(0.5, -0.5, y - horizon))


def sea(scene: Scene, rng: np.random.Generator, noise: Noise) -> None:
    """Water from the horizon down: waves in perspective, glitter on the sun's side, whitecaps."""
    weather, horizon = scene.weather, scene.horizon
    width, height = scene.wh
    x, y = grid(scene.canvas)
    down = np.clip((y - horizon) / (height - horizon), 0, 1)
    colours = mix(rgb(weather.far_water), rgb(weather.near_water), (down**0.6)[..., None])

    nearness = np.maximum(y - horizon, 1.0) / height + 0.02
    u, v = (x - width / 2) / width / nearness * 0.7, 3.2 / nearness
    swell = noise(u, v, 3)
    strength = np.minimum(down * 6 + 0.12, 1) * rng.uniform(0.7, 1.2)
    crest = mix(rgb(weather.far_water), rgb(weather.horizon), 0.5)
    colours = mix(colours, crest, (0.34 * strength * np.clip(swell, 0, 1))[..., None])
    patches = 0.06 * noise(x / width * 2 + 3, y / height * 9, 2)
    troughs = 0.20 * strength * np.clip(-swell, 0, 1)
    colours = colours * ((1 - troughs) * (1 + patches))[..., None]

    path = np.exp(-(((x / width - 0.5 - 0.32 * scene.sun) / 0.16) ** 2))
    glitter = smooth(0.35, 0.75, noise(u * 2.3 + 40, v * 1.7, 2)) * path
    colours = mix(colours, rgb(weather.sun), (0.7 * glitter)[..., None])
    if rng.random() < 0.5:
        caps = smooth(0.85, 1.05, noise(u * 1.6 + 11, v * 1.4 + 4, 4)) * smooth(0.05, 0.3, down)
        colours = mix(colours, 1.0, (0.7 * caps)[..., None])
    lay(scene.canvas, colours, smooth(-0.6, 0.6, y - horizon))


def sand(scene: Scene, noise: Noise) -> None:
    """A beach in front of the sea, wet and foamy along its edge."""
    width, height = scene.wh
    x, y = grid(scene.canvas)
    edge = scene.shore + height * 0.022 * noise(x / width * 3, 2.5, 3)
    inland = y - edge
    dunes = 0.07 * noise(x / width * 5, y / height * 14 + 8, 4)
    speckle = 0.035 * noise(x / 2.3, y / 2.3)
    wet = 0.3 * smooth(0.07 * height, 0.0, inland)
    ground = rgb(scene.weather.sand) * ((1 + dunes + speckle) * (1 - wet))[..., None]
    lay(scene.canvas, ground, smooth(-0.8, 0.8, inland))
    for out, breadth in ((0.0, 0.010), (0.028, 0.006)):
        line = edge + height * (0.006 * noise(x / width * 9, out) - out)
        foam = smooth(breadth * height, 0.0, np.abs(y - line))
        lace = smooth(-0.5, 0.3, noise(x / 7, y / 4, 2))
        lay(scene.canvas, rgb("fffffa"), 0.85 * foam * lace)


def fields(scene: Scene, rng: np.random.Generator, noise: Noise) -> None:
    """Rolling hills from blue distance to a near meadow: crops in rows, hedges, woods on top."""
    weather, horizon = scene.weather, scene.horizon
    width, height = scene.wh
    x, y = grid(scene.canvas)
    light, far_land = np.array(weather.light), rgb(weather.far_land)
    crops = np.stack([rgb(code) for code in CROPS])[rng.permutation(len(CROPS))]
    for layer in range(5):
        near = layer / 4
        roll = noise(x / width * (1.2 + layer % 2) + layer * 9, layer * 3.7, 3)
        level = horizon + (height - horizon) * (near * 0.72 - 0.15)
        ridge = level - (0.13 - 0.06 * near) * height * roll
        down = np.clip(y - ridge, 0, None) / height
        tufts = noise(x / width * 26, y / height * 60 + layer * 6, 3)

        strips = 7 - 4 * near
        across = x / width * strips + 9 * down * rng.uniform(-1, 1) + 0.25 * roll
        plot = np.floor(across).astype(int) + 3 * np.floor(np.sqrt(down) * 7).astype(int)
        rows = np.sin((across + plot * 0.7 + np.sqrt(down) * 6) * (26 - 8 * near))
        shade = 1 + 0.045 * rows + (0.06 + 0.06 * near) * tufts + 0.16 * roll - 0.7 * down
        crop = mix(crops[plot % len(crops)], rgb(weather.near_land), 0.3)
        ground = mix(far_land, crop * shade[..., None], 0.25 + 0.75 * near)
        hedge = smooth(0.10, 0.0, np.abs(across - np.round(across)) / strips * 7)
        bushes = smooth(0.2, 0.6, noise(x / 6, y / 6 + 30 * layer, 2)) * hedge
        ground = ground * (1 - 0.36 * bushes)[..., None]

        groves = np.clip(4 * noise(x / width * 4, layer * 5.1 + 2, 2), 0, 1)
        crowns = 1.1 + noise(x / width * 60, layer * 1.9, 2)
        trees = (0.012 + 0.010 * near) * height * groves * crowns
        wood = mix(far_land, rgb("2f4f33"), 0.3 + 0.7 * near) * (1 + 0.2 * tufts)[..., None]
        lay(scene.canvas, wood * light, smooth(-0.8, 0.8, y - ridge + trees))
        lay(scene.canvas, ground * light, smooth(-0.8, 0.8, y - ridge))
