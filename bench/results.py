"""Owns what was measured: samples by measurement, peer and place on an axis; kept as CSV, one file
a measurement, so that one can be made again without the others."""

import csv
import os
import statistics
from collections import OrderedDict

HEADINGS = ["peer", "at", "unit", "median", "lowest", "highest", "samples"]


class Results:
    def __init__(self, folder, name):
        self.path = os.path.join(folder, f"{name}.csv")
        self.samples = OrderedDict()

    def add(self, peer, at, unit, value):
        self.samples.setdefault((peer, str(at), unit), []).append(value)

    def median(self, peer, at, unit):
        values = self.samples.get((peer, str(at), unit))
        return statistics.median(values) if values else None

    def spread(self, peer, at, unit):
        values = self.samples[(peer, str(at), unit)]
        return min(values), max(values)

    def peers(self):
        return list(OrderedDict.fromkeys(peer for peer, _, _ in self.samples))

    def places(self):
        return list(OrderedDict.fromkeys(at for _, at, _ in self.samples))

    def units(self):
        return list(OrderedDict.fromkeys(unit for _, _, unit in self.samples))

    def save(self):
        with open(self.path, "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(HEADINGS)
            for (peer, at, unit), values in self.samples.items():
                low, high = min(values), max(values)
                writer.writerow([peer, at, unit, f"{statistics.median(values):.6g}",
                                 f"{low:.6g}", f"{high:.6g}",
                                 " ".join(f"{value:.6g}" for value in values)])

    @classmethod
    def load(cls, folder, name):
        results = cls(folder, name)
        if os.path.exists(results.path):
            with open(results.path, newline="", encoding="utf-8") as file:
                for row in csv.DictReader(file):
                    results.samples[(row["peer"], row["at"], row["unit"])] = [
                        float(value) for value in row["samples"].split()]
        return results
