"""python3 -m unittest discover tests/cluster"""

import unittest

import schedule


class Plan(unittest.TestCase):
    def test_the_same_seed_gives_the_same_schedule(self):
        first = schedule.plan(7, 60, 3, True, 3)
        self.assertEqual(first, schedule.plan(7, 60, 3, True, 3))
        self.assertNotEqual(first, schedule.plan(8, 60, 3, True, 3))

    def test_a_minute_of_seeds_1_to_5_has_every_kind(self):
        kinds = {
            fault.kind for seed in range(1, 6) for fault in schedule.plan(seed, 60, 3, True, 3)
        }
        self.assertEqual(kinds, {kind for track in schedule.KINDS.values() for kind in track})

    def test_faults_of_one_track_do_not_overlap(self):
        for seed in range(200):
            for track in schedule.KINDS:
                faults = [f for f in schedule.plan(seed, 300, 3, True, 3) if f.track == track]
                for one, next_one in zip(faults, faults[1:]):
                    self.assertGreaterEqual(next_one.at, one.at + one.lasts + schedule.GAP_S - 0.2)

    def test_a_cluster_has_no_faults_of_what_it_lacks(self):
        kinds = {fault.kind for fault in schedule.plan(1, 600, 3, False, 1)}
        self.assertEqual(kinds, {"kill", "pause", "roll", "store-cut", "store-deaf"})

    def test_nothing_lasts_beyond_the_end(self):
        for seed in range(50):
            for fault in schedule.plan(seed, 60, 3, True, 3):
                self.assertLessEqual(fault.at + fault.lasts, 60)


if __name__ == "__main__":
    unittest.main()
