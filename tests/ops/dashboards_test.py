"""The dashboard: Grafana can import it anywhere, and its queries name what there is."""

import importlib.util
import itertools
import json
import re
import unittest

import prometheus
from settings import ROOT

FOLDER = ROOT / "ops" / "deploy" / "dashboards"
DASHBOARD = json.loads((FOLDER / "parley.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [(panel["title"], target) for panel in PANELS for target in panel["targets"]]
OF_PROMETHEUS = {"instance", "job", "le"}  # labels that it adds itself


class Dashboard(unittest.TestCase):
    def test_it_is_what_its_list_of_panels_makes(self):
        spec = importlib.util.spec_from_file_location("make", FOLDER / "make.py")
        make = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(make)
        self.assertEqual((FOLDER / "parley.json").read_text(), make.text(), "run ops/deploy/dashboards/make.py")

    def test_nothing_in_it_belongs_to_an_installation(self):
        self.assertIsNone(DASHBOARD["id"])
        self.assertEqual([(variable["name"], variable["type"]) for variable in DASHBOARD["templating"]["list"]], [("datasource", "datasource")])
        sources = [panel["datasource"] for panel in PANELS] + [target["datasource"] for _, target in TARGETS]
        self.assertTrue(all(source == {"type": "prometheus", "uid": "${datasource}"} for source in sources))

    def test_each_panel_has_its_own_id_and_place(self):
        self.assertEqual(len({panel["id"] for panel in DASHBOARD["panels"]}), len(DASHBOARD["panels"]))
        places = [panel["gridPos"] for panel in DASHBOARD["panels"]]
        for place in places:
            self.assertLessEqual(place["x"] + place["w"], 24)
        for one, other in itertools.combinations(places, 2):
            apart = (one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"] or
                     one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"])
            self.assertTrue(apart, (one, other))

    def test_each_query_names_metrics_and_labels_that_there_are(self):
        documented = prometheus.documented()
        for title, target in TARGETS:
            named = prometheus.named_in(target["expr"])
            self.assertEqual(named - set(documented), set(), title)
            self.assertTrue(named or "ALERTS" in target["expr"] or "up{" in target["expr"], title)
            labels = OF_PROMETHEUS.union(*(documented[name][1] for name in named))
            grouped = {label for group in re.findall(r"by \(([^)]*)\)", target["expr"]) for label in group.split(", ")}
            self.assertLessEqual(grouped, labels, title)
            self.assertLessEqual(set(re.findall(r"{{(\w+)}}", target["legendFormat"])), grouped, title)


if __name__ == "__main__":
    unittest.main()
