"""What the page on motors records is computed again, and its moving figures do in a browser what they say."""

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import brentq

from lib.motor.attitude import Imu, Kalman, felt_angle, follow, smooth_noise
from lib.motor.control import PERIOD, TURN, FieldOriented, TurningVoltage
from lib.motor.drive import lost_turns, simulate
from lib.motor.inverter import linear_limit
from lib.motor.machine import GIMBAL, HOVERBOARD, State
from lib.motor.platform import Platform, Stabiliser
from lib.publish.project import ROOT, read_notebook

NOTEBOOK = ROOT / "projects" / "motor_control.ipynb"
RESULTS = ROOT / "data" / "results" / "motor_control.json"


@pytest.fixture(scope="module")
def metrics():
    if not RESULTS.is_file():
        pytest.skip("the page has not been run yet: python -m lib run projects/motor_control.ipynb")
    return json.loads(RESULTS.read_text(encoding="utf-8"))["metrics"]


@pytest.fixture(scope="module")
def recorded(metrics):
    return {name: entry["value"] for name, entry in metrics.items()}


@pytest.fixture(scope="module")
def figures():
    """The page's two figures of HTML, by a name that is in each."""
    outputs = [o for c in read_notebook(NOTEBOOK)["cells"] if c["cell_type"] == "code" for o in c["outputs"]]
    texts = ["".join(o.get("data", {}).get("text/html", "")) for o in outputs]
    return {name: next(t for t in texts if f"{name}" in t) for name in ("motor-motion", "motor-loop")}


def test_the_pull_out_torque_is_the_formula_on_the_page(recorded):
    w = GIMBAL.pole_pairs * 0.5 * TURN
    z = math.hypot(GIMBAL.resistance, w * GIMBAL.inductance_q)
    expected = 1000 * GIMBAL.torque_constant * (3 / z - GIMBAL.resistance * w * GIMBAL.flux / z**2)
    assert recorded["pull_out_theory"] == pytest.approx(expected, rel=1e-5)
    assert recorded["pull_out_simulated"] == pytest.approx(expected, rel=0.02)


def test_the_push_costs_the_turning_voltage_the_recorded_turns_and_control_none(recorded):
    speed = 0.5 * TURN

    def end(controller):
        load = {True: 65e-3, False: 15e-3}
        run = simulate(GIMBAL, controller, 1.0, load=lambda t: load[0.4 <= t < 0.43], start=State(speed=speed))
        return lost_turns(GIMBAL.pole_pairs * speed, run.angle[-1], GIMBAL.pole_pairs)

    assert end(TurningVoltage(GIMBAL, 3.0, lambda t: speed)) == recorded["lost_turns_open_loop"] >= 1
    assert end(FieldOriented(GIMBAL, position=lambda t: speed * t)) == recorded["lost_turns_foc"] == 0


def test_heat_is_what_the_load_asks_for_under_control_and_many_times_that_without(recorded):
    current = (20e-3 + GIMBAL.friction * TURN) / GIMBAL.torque_constant
    assert recorded["foc_heat"] == pytest.approx(1.5 * GIMBAL.resistance * current**2, rel=0.01)
    assert recorded["heat_ratio"] == pytest.approx(recorded["open_loop_heat"] / recorded["foc_heat"], rel=1e-4)


def test_the_resonance_is_that_of_the_magnetic_spring_under_load(recorded):
    torque = 1e-3 * recorded["pull_out_theory"]
    static = GIMBAL.torque_constant * 3.0 / GIMBAL.resistance
    stiffness = GIMBAL.pole_pairs * static * math.cos(math.asin(20e-3 / torque))
    teeth = math.sqrt(stiffness / GIMBAL.inertia) / TURN / GIMBAL.cogging_periods
    assert recorded["resonance"] == pytest.approx(teeth, rel=1e-4)


def test_the_current_for_weakening_is_the_root_of_the_steady_voltage(recorded):
    motor, speed = HOVERBOARD, 75.0
    w, i_q = motor.pole_pairs * speed, motor.friction * speed / motor.torque_constant

    def excess(i_d):
        u = complex(motor.resistance * i_d, motor.resistance * i_q)
        u += 1j * w * complex(motor.inductance_d * i_d + motor.flux, motor.inductance_q * i_q)
        return abs(u) - 0.95 * linear_limit(motor.bus_voltage)

    assert recorded["weakening_i_d_theory"] == pytest.approx(brentq(excess, -20, 0), rel=1e-5)
    assert recorded["weakening_i_d"] == pytest.approx(recorded["weakening_i_d_theory"], rel=0.01)
    assert recorded["weakening_gain"] == pytest.approx(
        recorded["top_speed_weakened"] / recorded["top_speed_plain"] - 1, rel=1e-4
    )


def test_the_recorded_rejection_is_that_of_the_transfer_function(recorded):
    platform = Platform(motor=replace(GIMBAL, cogging=0.0), imbalance=0.0)
    s = 1j * TURN * 0.5
    drag = platform.friction * s
    free = abs(drag / (platform.inertia * s**2 + drag))
    held = abs(drag / (platform.inertia * s**2 + drag + Stabiliser(platform).stiffness(s) * np.exp(-1.5 * s / 500)))
    assert recorded["rejection_half_hertz_off"] == pytest.approx(free, rel=0.03)
    assert recorded["rejection_half_hertz"] == pytest.approx(held, rel=0.03)


def test_the_kalman_filters_error_is_found_again(recorded):
    """The twenty recordings and the filter, written out once more."""
    imu, n, errors = Imu(), 30000, []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        angle, push = 0.09 * smooth_noise(n, 500, 0.5, rng), smooth_noise(n, 500, 1.0, rng)
        drift, felt_error = imu.errors(n, np.random.default_rng(1000 + seed))
        kalman = Kalman(0.002, imu.gyro_noise, imu.bias_walk, recorded["kalman_tuned"])
        rate = np.gradient(angle, 0.002) + drift
        found = follow(kalman, rate, felt_angle(angle, push, felt_error))
        errors.append(np.degrees(np.sqrt(np.mean((found - angle)[n // 6 :] ** 2))))
    assert recorded["angle_error_kalman"] == pytest.approx(np.mean(errors), rel=1e-4)


def test_what_the_page_says_of_even_turning_is_so(recorded):
    slow, fast = (
        {way: recorded[f"{way}_speed_ripple_{at}"] for way in ("open_loop", "foc", "foc_60_hz")}
        for at in ("slowest", "1")
    )
    assert slow["foc_60_hz"] < slow["open_loop"] < slow["foc"]
    assert fast["open_loop"] == pytest.approx(fast["foc"], rel=0.1), "as even as the loop of 20 Hz"
    assert fast["foc_60_hz"] > 1.3 * fast["open_loop"]
    teeth = GIMBAL.cogging / GIMBAL.inertia / (TURN * GIMBAL.cogging_periods) / math.sqrt(2)  # rad/s, inertia alone
    assert recorded["free_speed_ripple_1"] == pytest.approx(teeth / TURN, rel=1e-4)
    assert recorded["free_speed_ripple_1"] < min(fast.values()), "neither way improves on it"
    assert recorded["foc_60_hz_with_teeth_1"] > recorded["open_loop_with_teeth_1"], "effort that is lost"


def test_a_loop_whose_stiffness_is_a_quarter_of_the_springs_is_what_20_hz_make(recorded):
    torque = 1e-3 * recorded["pull_out_theory"]
    spring = GIMBAL.pole_pairs * GIMBAL.torque_constant * 3.0 / GIMBAL.resistance
    spring *= math.sqrt(1 - (20e-3 / torque) ** 2)
    assert recorded["spring_over_memory"] == pytest.approx(spring / (GIMBAL.inertia * (20 * TURN) ** 2 / 4), rel=1e-4)


def test_the_kalman_filter_gains_by_the_bias_it_learns_but_not_only(metrics):
    assert metrics["angle_gap"]["low"] > 0
    assert metrics["one_state_over_kalman"]["low"] > 0, "without that state it is worse"
    assert metrics["one_state_over_complementary"]["low"] > 0, "and a little worse than the complementary filter"
    assert metrics["angle_gap_unbiased"]["low"] > 0, "and better still where there is no bias"


def test_a_loop_of_twice_the_bandwidth_helps_against_blows_and_hardly_against_rocking(metrics):
    assert metrics["platform_gap_twice"]["high"] < 0.02 * metrics["platform_rms_kalman"]["value"]
    assert metrics["blow_peak_twice"]["value"] < metrics["blow_peak"]["value"] / 2


def test_only_what_chance_plays_a_part_in_has_an_interval(metrics):
    for name, entry in metrics.items():
        assert (entry["kind"] == "sampled") == (entry["low"] is not None), name
        if entry["kind"] == "sampled":
            assert entry["n"] == len(entry["seeds"]) == 20, name


def test_the_animation_needs_no_script_and_says_what_it_shows(figures):
    motion = figures["motor-motion"]
    assert "<script" not in motion
    assert len(motion) < 200_000
    assert len(re.search(r'aria-label="([^"]+)"', motion)[1]) > 100
    assert '<label for="motor-pause">' in motion


def turned(page):
    """Do the rotors and arrows move? Looked at frame by frame, once the browser has begun what was asked of it."""
    return page.evaluate("""async () => {
        const frame = () => new Promise(requestAnimationFrame);
        const look = () => [...document.querySelectorAll('.turns')].map((e) => getComputedStyle(e).transform).join();
        await frame();
        await Promise.allSettled(document.getAnimations().map((a) => a.ready));
        const before = look();
        for (let k = 0; k < 20; k += 1) {
            await frame();
            if (look() !== before) return true;
        }
        return false;
    }""")


@pytest.mark.browser
@pytest.mark.parametrize("stopped_by_the_site", [False, True])
@pytest.mark.parametrize("motion", ["no-preference", "reduce"])
def test_the_animation_plays_unless_motion_is_unwelcome_and_the_box_turns_that_round(
    browser, figures, motion, stopped_by_the_site
):
    page = browser.new_page(reduced_motion=motion)
    style = (ROOT / "styles.css").read_text(encoding="utf-8") if stopped_by_the_site else ""
    page.set_content(f"<style>{style}</style>{figures['motor-motion']}")
    assert turned(page) == (motion == "no-preference")
    page.get_by_label("pause the motion" if motion == "no-preference" else "play").check()
    assert turned(page) == (motion == "reduce")
    page.close()


def loop_by_hand(bandwidth, share, n):
    """The current loop as matrices (coil sampled exactly, PI, one period of delay): its step and its farthest pole."""
    r, coil = GIMBAL.resistance, GIMBAL.inductance_q
    decay, kp = math.exp(-r * PERIOD / coil), TURN * bandwidth * coil
    ki = TURN * bandwidth * r * share * PERIOD
    step = np.array([[decay, (1 - decay) / r, 0], [-kp, 0, 1], [-ki, 0, 1]])
    state, currents = np.zeros(3), []
    for _ in range(n):
        currents.append(state[0])
        state = step @ state + [0, kp, ki]
    return currents, abs(np.linalg.eigvals(step)).max()


@pytest.mark.browser
def test_the_sliders_compute_what_python_does_and_begin_with_the_page(browser, figures):
    page = browser.new_page()
    page.set_content(figures["motor-loop"])
    drawn = re.search(r'<polyline points="([^"]+)"', figures["motor-loop"])[1]
    assert page.locator("polyline").get_attribute("points") == drawn, "the stored curve is the script's own"
    for bandwidth, share in ((500, 1.0), (1500, 0.5), (2900, 3.0), (3400, 1.0), (3300, 0.5), (2000, 4.0)):
        for number, value in enumerate((bandwidth, share)):
            page.locator("input").nth(number).fill(str(value))
        values = json.loads(page.locator("#motor-loop").get_attribute("data-values"))
        expected, farthest = loop_by_hand(bandwidth, share, len(values))
        np.testing.assert_allclose(values, expected, rtol=1e-9, atol=1e-9)
        said = page.locator("output").last.inner_text()
        assert ("unstable" in said) == (farthest > 1)
    page.close()
