"""What a seed draws: orders and faults as data, each with its time, its kind and its dice.

Nothing here knows what is going on: a rollout to pause is a number that whoever carries the event
out takes modulo those that are open. So the same seed always draws the same plan; what the real
programs make of it differs by what they were doing at the moment.
"""
import random
from dataclasses import dataclass

OPERATORS = 3
DICE = 8
ORDER_EVERY_S = 3.0  # of each operator, on the average
FAULT_EVERY_S = 4.0
COPY_EVERY_S = 10.0
PUT_BACKS = 3  # in twenty minutes; one where there is room for it
SETTLE = 0.4  # the programs that are measured to the end are not restarted past this part
KEEPERS = ("one", "three")  # agents; the coordinator is another
AGENTS = {"one": "east", "two": "east", "three": "west"}

ORDERS = {"forward": 22, "back": 12, "back_to": 12, "back_by_restore": 3, "pause": 4, "resume": 10,
          "stop": 4, "retry": 6, "hold": 2, "backup": 4, "prune": 3, "check": 2, "restore": 2,
          "standing": 2, "standing_resume": 2, "standing_end": 2, "saved": 1, "ask": 12}
FAULTS = {"kill_agent": 6, "stop_agent": 6, "cut": 4, "hold_up": 3, "hold_down": 3, "hold_both": 3,
          "postgres": 4, "disk_agent": 6, "kill_coordinator": 2, "stop_coordinator": 4,
          "disk_coordinator": 4}


@dataclass(frozen=True)
class Event:
    at_s: float
    kind: str
    dice: tuple

    def __str__(self):
        return f"{self.at_s:8.2f} {self.kind} {' '.join(f'{die:.4f}' for die in self.dice)}"

    def pick(self, die, choices):
        choices = list(choices)
        return choices[int(self.dice[die] * len(choices))]

    def between(self, die, low, high):
        return low + (high - low) * self.dice[die]

    def some(self, die, choices, most):
        """A handful of the choices, in their order."""
        choices = list(choices)
        chance = random.Random(self.dice[die])
        return sorted(chance.sample(choices, chance.randint(1, min(most, len(choices)))))


def _dice(chance):
    return tuple(chance.random() for _ in range(DICE))


def _draw(seed, stream, weights, every_s, duration_s):
    chance = random.Random(f"{seed}/{stream}")
    at, events = 0.0, []
    while True:
        at += chance.uniform(0.3, 1.7) * every_s
        kind = chance.choices(list(weights), list(weights.values()))[0]
        dice = _dice(chance)
        if at >= duration_s:
            return events
        events.append(Event(at, kind, dice))


def target(event):
    """The agent that a fault of agents strikes."""
    return event.pick(0, AGENTS)


def _is_fair(event, duration_s):
    """Past the first part the programs that are measured live, whatever else they suffer."""
    if event.at_s < SETTLE * duration_s:
        return True
    if event.kind == "kill_coordinator":
        return False
    return event.kind != "kill_agent" or target(event) not in KEEPERS


def _put_backs(seed, duration_s):
    """The catalog is put back to a copy, the last time well before the second half."""
    chance = random.Random(f"{seed}/copies")
    count = PUT_BACKS if duration_s >= 600 else 1
    events = [Event(number * COPY_EVERY_S, "copy", _dice(chance))
              for number in range(1, int(SETTLE * duration_s / COPY_EVERY_S))]
    for number in range(count):
        at = duration_s * SETTLE * (number + chance.uniform(0.5, 0.9)) / count
        events.append(Event(at, "put_back", _dice(chance)))
    return events


def draw(seed, duration_s):
    """{operator number: events} and the faults, each in order of time."""
    orders = {number: _draw(seed, f"operator/{number}", ORDERS, ORDER_EVERY_S, duration_s)
              for number in range(OPERATORS)}
    faults = [event for event in _draw(seed, "faults", FAULTS, FAULT_EVERY_S, duration_s)
              if _is_fair(event, duration_s)]
    return orders, sorted(faults + _put_backs(seed, duration_s), key=lambda event: event.at_s)


def show(seed, duration_s):
    orders, faults = draw(seed, duration_s)
    lines = [f"operator {number} {event}" for number, events in orders.items() for event in events]
    return "\n".join(lines + [f"fault {event}" for event in faults])
