"""Partners for mosaics and the like: dealt from the window like cards, not drawn.

For each group of positions the window's pictures that are not its primaries are shuffled once and dealt to
the steps that fire. A group of 16 four-picture mosaics from a window of 64 so shows 64 different pictures;
drawing from the window would show about 42.
"""

from __future__ import annotations

from collections.abc import Sequence

from numpy.random import Generator

from datapipe.stream.order import distinct

Hand = tuple[int, ...] | None
"""Numbers of the pictures dealt to a step of a sample; None where the step does not fire."""


def deal(
    primaries: Sequence[int],
    pool: Sequence[int],
    wanted: Sequence[Sequence[int | None]],
    rng: Generator,
) -> list[list[Hand]]:
    """Deal partners to the samples of one group.

    When the pool is used up, every picture of the window and of the group has been shown once: then all of
    them are shuffled and dealt anew. A sample is not given a picture it shows already as long as there is
    another one; a window of a single picture gives that one again and again.

    Args:
        primaries: (G,) the group's own pictures.
        pool: the window's distinct pictures without the group's primaries.
        wanted: for each sample how many partners each of its steps wants, None for a step that does not fire.
        rng: of the group.

    Returns:
        For each sample and step the partners' numbers, None where the step does not fire. Example: primaries
        (1, 2), pool (3, 4), one step that wants 1 partner: [[(3,)], [(4,)]] or [[(4,)], [(3,)]].
    """
    everything = distinct([*primaries, *pool])
    deck = [pool[i] for i in rng.permutation(len(pool))]
    dealt = []
    for primary, counts in zip(primaries, wanted, strict=True):
        shown = {primary}
        hands: list[Hand] = []
        for count in counts:
            hand: list[int] = []
            for _ in range(count or 0):
                place = next((i for i, card in enumerate(deck) if card not in shown), None)
                if place is None:
                    deck += [everything[i] for i in rng.permutation(len(everything))]
                    place = next((i for i, card in enumerate(deck) if card not in shown), 0)
                hand.append(deck.pop(place))
                shown.add(hand[-1])
            hands.append(None if count is None else tuple(hand))
        dealt.append(hands)
    return dealt
