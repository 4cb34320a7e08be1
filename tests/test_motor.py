"""The simulated motor obeys the equations it is made of, and its loops do what their theory says."""

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.integrate import solve_ivp, trapezoid
from scipy.linalg import solve_discrete_are
from scipy.signal import dlsim, lsim

from lib.motor.attitude import Complementary, Imu, Kalman, felt_angle, follow, smooth_noise
from lib.motor.control import PERIOD, PI, TURN, FieldOriented, Observer, TurningVoltage
from lib.motor.drive import Encoder, find_zero, lost_turns, simulate
from lib.motor.inverter import average_voltage, corners, limited, linear_limit, space_vector_duties
from lib.motor.machine import GIMBAL, HOVERBOARD, State, pull_out_torque, steady_currents, stepper
from lib.motor.platform import Platform, Stabiliser, rock
from lib.motor.transforms import clarke, inverse_clarke, inverse_park, park

MOTORS = pytest.mark.parametrize("motor", [GIMBAL, HOVERBOARD], ids=["gimbal", "hoverboard"])
SALIENT = replace(HOVERBOARD, inductance_q=9e-4)  # a motor whose reluctance makes torque as well
LOCKED = replace(GIMBAL, inertia=1e9, cogging=0.0)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


# Transforms


def test_the_transforms_are_undone_by_their_inverses(rng):
    alpha, beta, angle = rng.normal(size=(3, 50))
    np.testing.assert_allclose(clarke(*inverse_clarke(alpha, beta)), (alpha, beta), atol=1e-14)
    np.testing.assert_allclose(inverse_park(*park(alpha, beta, angle), angle), (alpha, beta), atol=1e-14)


def test_phases_that_sum_to_zero_come_back_and_what_they_share_drops_out(rng):
    a, b, shared = rng.normal(size=(3, 50))
    phases = (a, b, -a - b)
    np.testing.assert_allclose(inverse_clarke(*clarke(*phases)), phases, atol=1e-14)
    np.testing.assert_allclose(clarke(a + shared, b + shared, shared - a - b), clarke(*phases), atol=1e-14)


def test_a_turning_field_stands_still_in_the_rotor_and_keeps_its_amplitude():
    angle = np.linspace(0, TURN, 40)
    phases = [1.7 * np.cos(angle - k * TURN / 3) for k in range(3)]
    d, q = park(*clarke(*phases), angle)
    np.testing.assert_allclose(d, 1.7, atol=1e-14)
    np.testing.assert_allclose(q, 0, atol=1e-14)


def test_three_halves_of_the_vectors_product_is_the_power_of_the_phases(rng):
    (va, vb), (ia, ib) = rng.normal(size=(2, 2, 50))
    v, i = (va, vb, -va - vb), (ia, ib, -ia - ib)
    (ua, ub), (ja, jb) = clarke(*v), clarke(*i)
    np.testing.assert_allclose(1.5 * (ua * ja + ub * jb), sum(x * y for x, y in zip(v, i, strict=True)))


# Inverter


def by_sectors(alpha, beta, bus):
    """Duties as in van der Broeck's paper: the sector, the times of its two vectors, the rest shared evenly."""
    length, angle = math.hypot(alpha, beta), math.atan2(beta, alpha) % TURN
    sector, within = divmod(angle, math.pi / 3)
    times = [
        math.sqrt(3) * length / bus * math.sin(math.pi / 3 - within),
        math.sqrt(3) * length / bus * math.sin(within),
    ]
    states = [(1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1), (1, 0, 1)]
    pair = states[int(sector)], states[(int(sector) + 1) % 6]
    rest = (1 - sum(times)) / 2
    return [rest + sum(time * state[phase] for time, state in zip(times, pair, strict=True)) for phase in range(3)]


def test_shifting_the_phases_gives_the_times_of_the_sectors(rng):
    for angle, share in rng.uniform(size=(200, 2)) * (TURN, 1):
        u = share * linear_limit(12) * np.array([math.cos(angle), math.sin(angle)])
        np.testing.assert_allclose(space_vector_duties(*u, 12), by_sectors(*u, 12), atol=1e-12)


def test_duties_are_shares_and_make_the_voltage_that_was_wanted_as_far_as_it_can_be_made(rng):
    for u in rng.normal(scale=10, size=(300, 2)):
        duties = space_vector_duties(*u, 12)
        assert 0 <= min(duties) <= max(duties) <= 1
        given = limited(*u, 12)
        np.testing.assert_allclose(average_voltage(*duties, 12), given, atol=1e-12)
        assert given[0] * u[1] == pytest.approx(given[1] * u[0], abs=1e-9), "the direction stays"


def test_the_possible_voltages_fill_the_hexagon_and_its_inner_circle_is_the_linear_limit():
    angle = np.linspace(0, TURN, 721)
    far = np.array([limited(100 * math.cos(a), 100 * math.sin(a), 12) for a in angle])
    radius = np.hypot(*far.T)
    assert radius.max() == pytest.approx(8)
    assert radius.min() == pytest.approx(linear_limit(12)) == pytest.approx(12 / math.sqrt(3))
    for corner in corners(12):
        np.testing.assert_allclose(limited(*(2 * corner), 12), corner, atol=1e-12)


# Machine


@pytest.mark.parametrize(
    "change", [{"resistance": 0}, {"inertia": -1}, {"flux": math.nan}, {"friction": -0.1}, {"pole_pairs": 7.5}]
)
def test_a_motor_that_cannot_be_is_refused_by_name(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        replace(GIMBAL, **change)


@pytest.mark.parametrize("motor", [GIMBAL, HOVERBOARD, SALIENT], ids=["gimbal", "hoverboard", "salient"])
def test_electrical_power_becomes_heat_magnetic_energy_and_work(motor):
    """All that flows in over a run is found again: integrals by the trapezoid rule on a fine grid."""
    step, n, load = 1e-5, 4000, 0.2 * motor.torque_constant * motor.current_limit
    advance, p, state, rows = stepper(motor, step), motor.pole_pairs, State(), []
    for k in range(n + 1):
        # Turns with the rotor, so that the power at the ends of each step is known without a jump.
        d, q = 0.1 * motor.bus_voltage * np.array([-1, 2 + math.sin(40 * k * step)])
        alpha, beta = inverse_park(d, q, p * state.angle)
        rows.append((*state, float(alpha), float(beta)))
        state = advance(state, float(alpha), float(beta), load)
    i_d, i_q, speed, angle, alpha, beta = np.array(rows).T
    i_alpha, i_beta = inverse_park(i_d, i_q, p * angle)
    # A step's voltage is held: mean of the currents at its two ends, seen from the stator.
    flows_in = (
        1.5 * np.sum(alpha[:-1] * (i_alpha[:-1] + i_alpha[1:]) / 2 + beta[:-1] * (i_beta[:-1] + i_beta[1:]) / 2) * step
    )
    heat = trapezoid(1.5 * motor.resistance * (i_d**2 + i_q**2), dx=step)
    magnetic = 0.75 * (motor.inductance_d * i_d[-1] ** 2 + motor.inductance_q * i_q[-1] ** 2)
    kinetic = motor.inertia * speed[-1] ** 2 / 2
    rubbed = trapezoid(motor.friction * speed**2, dx=step)
    turned = load * angle[-1]
    cogged = (
        motor.cogging / motor.cogging_periods * (1 - math.cos(motor.cogging_periods * angle[-1]))
        if motor.cogging
        else 0
    )
    found = heat + magnetic + kinetic + rubbed + turned + cogged
    assert min(heat, magnetic, kinetic) > 0.001 * flows_in
    assert found == pytest.approx(flows_in, rel=1e-4)


@pytest.mark.parametrize("motor", [replace(GIMBAL, cogging=0.0), SALIENT], ids=["gimbal", "salient"])
def test_a_motor_left_alone_settles_where_the_steady_equations_say(motor):
    """A voltage fixed to the rotor, and a load: the simulated end against the solution of the equations."""
    p, load = motor.pole_pairs, 0.1 * motor.torque_constant * motor.current_limit
    u_d, u_q, state, advance = -0.1 * motor.bus_voltage, 0.25 * motor.bus_voltage, State(), stepper(motor, 2e-5)
    for _ in range(
        round(6 * max(0.1, motor.inertia * motor.resistance / motor.torque_constant / p / motor.flux) / 2e-5)
    ):
        ahead = p * (state.angle + state.speed * 1e-5)  # the middle of the step
        state = advance(state, *map(float, inverse_park(u_d, u_q, ahead)), load)
    i_d, i_q = steady_currents(motor, state.speed, u_d, u_q)
    assert motor.torque(i_d, i_q) == pytest.approx(motor.friction * state.speed + load, rel=1e-3)
    assert state[:2] == pytest.approx((i_d, i_q), rel=2e-3)


def test_halving_the_step_makes_the_error_sixteen_times_smaller():
    def end(step):
        state, advance = State(speed=20.0), stepper(GIMBAL, step)
        for _ in range(round(0.0064 / step)):
            state = advance(state, 2.0, 1.0, 0.01)
        return np.array(state)

    def rates(_, x):
        return [*np.array(stepper_rates(x)), x[2]]

    def stepper_rates(x):
        m, (i_d, i_q, speed, angle) = GIMBAL, x
        u_d, u_q = park(2.0, 1.0, m.pole_pairs * angle)
        w = m.pole_pairs * speed
        torque = m.torque(i_d, i_q) - m.cogging * math.sin(m.cogging_periods * angle)
        return (
            (u_d - m.resistance * i_d + w * m.inductance_q * i_q) / m.inductance_d,
            (u_q - m.resistance * i_q - w * (m.inductance_d * i_d + m.flux)) / m.inductance_q,
            (torque - m.friction * speed - 0.01) / m.inertia,
        )

    truth = solve_ivp(rates, (0, 0.0064), State(speed=20.0), method="DOP853", rtol=1e-12, atol=1e-12).y[:, -1]
    errors = [np.abs(end(step) - truth).max() for step in (2e-4, 1e-4, 5e-5)]
    orders = np.log2(np.divide(errors[:-1], errors[1:]))
    assert (np.abs(orders - 4) < 0.3).all(), orders


@MOTORS
@pytest.mark.parametrize("speed", [0.0, 5.0, 20.0])
def test_pull_out_torque_is_that_of_the_formula_for_magnets_on_the_surface(motor, speed):
    """1.5 p flux (U / Z − R w flux / Z²), from the steady equations by hand."""
    w = motor.pole_pairs * speed
    z = math.hypot(motor.resistance, w * motor.inductance_d)
    expected = motor.torque_constant * (3.0 / z - motor.resistance * w * motor.flux / z**2)
    assert pull_out_torque(motor, 3.0, speed) == pytest.approx(expected, rel=1e-9)


# Loops


def test_the_current_loop_answers_as_its_discrete_transfer_function():
    """Held rotor: a first-order winding sampled exactly, a PI with integration forward, one period of delay."""
    a, inductance, r = TURN * 500, LOCKED.inductance_q, LOCKED.resistance
    aim = 0.3
    trace = simulate(LOCKED, FieldOriented(LOCKED, torque=lambda t: aim * LOCKED.torque_constant), 0.005)
    decay = math.exp(-r * PERIOD / inductance)
    # States: current, voltage under way, the controller's memory; output: the current.
    kp, ki = a * inductance, a * r
    loop = np.array([[decay, (1 - decay) / r, 0], [-kp, 0, 1], [-ki * PERIOD, 0, 1]])
    drive = np.array([[0], [kp], [ki * PERIOD]])
    n = len(trace.time)
    _, answer, _ = dlsim((loop, drive, np.array([[1, 0, 0]]), np.array([[0]]), 1), np.full((n, 1), aim))
    # The encoder's step is 0.15 electrical degrees; its cosine is what differs.
    np.testing.assert_allclose(trace.i_q, answer[:, 0], atol=1e-5 * aim)
    rise = trace.time[np.argmax(trace.i_q > aim * (1 - math.exp(-1)))]
    assert rise == pytest.approx(1 / a + PERIOD, abs=2 * PERIOD)


def speed_theory(motor, time, a=TURN * 500, o=TURN * 300, b=TURN * 20):
    """Speed after a step of 1 rad/s: PI, current loop, motor and observer as linear systems without delay."""
    k, j, f = motor.torque_constant, motor.inertia, motor.friction
    gain = j * b / k
    # States: speed, current, observer's error of the angle, observer's speed, memory of the PI.
    system = np.array(
        [
            [-f / j, k / j, 0, 0, 0],
            [0, -a, 0, -a * gain, a],
            [1, 0, -2 * o, -1, 0],
            [0, 0, o * o, 0, 0],
            [0, 0, 0, -gain * b / 4, 0],
        ]
    )
    inlet = np.array([[0], [a * gain], [0], [0], [gain * b / 4]])
    return lsim((system, inlet, np.eye(5)[:1], [[0]]), np.ones_like(time), time)[1]


@MOTORS
def test_the_speed_loop_answers_as_its_transfer_function(motor):
    smooth = replace(motor, cogging=0.0)
    high = 0.25 * motor.current_limit * motor.torque_constant / (motor.inertia * TURN * 20)  # far from the limits
    trace = simulate(smooth, FieldOriented(smooth, speed=lambda t: high), 0.12, encoder=Encoder(20))
    theory = speed_theory(smooth, trace.time)
    assert np.abs(trace.speed / high - theory).max() < 0.03
    assert trace.speed.max() / high == pytest.approx(theory.max(), abs=0.01)
    assert 1 + math.exp(-2) < theory.max() < 1.25, "more than without the inner loops' lag"


def test_anti_windup_keeps_a_large_step_from_overshooting():
    high = {
        on: simulate(GIMBAL, FieldOriented(GIMBAL, speed=lambda t: 80.0, anti_windup=on), 0.3).speed.max() / 80
        for on in (True, False)
    }
    assert high[True] < high[False] - 0.1


def test_a_controller_that_is_obeyed_integrates_and_one_that_is_not_forgets():
    free, held = (PI(2.0, 10.0, 0.1) for _ in range(2))
    for _ in range(50):
        free.remember(1.0, free(1.0), free(1.0))
        held.remember(1.0, held(1.0), 0.5)
    assert free.memory == pytest.approx(50.0)
    assert held(1.0) == pytest.approx(0.5 + 2.0, abs=1e-6), "as far above the limit as the error lifts it"


def test_position_arrives_and_stays_without_the_currents_leaving_their_limit():
    trace = simulate(GIMBAL, FieldOriented(GIMBAL, position=lambda t: 2.0), 0.5)
    assert trace.angle[-1] == pytest.approx(2.0, abs=TURN / 2**14 * 2)
    assert trace.angle.max() < 2.01
    assert np.hypot(trace.i_d, trace.i_q).max() < 1.1 * GIMBAL.current_limit


def test_the_observer_follows_a_steady_turn_without_lag_and_counts_turns():
    observer, encoder = Observer(TURN * 100, PERIOD), Encoder(14)
    for k in range(10000):
        observer.follow(encoder.read(30 * k * PERIOD))
    assert observer.speed == pytest.approx(30, abs=0.1)
    assert observer.angle == pytest.approx(30 * 9999 * PERIOD, abs=TURN / 2**14)
    assert observer.angle > 2 * TURN


def test_an_encoder_reads_to_half_a_step_wherever_it_is_mounted(rng):
    encoder = Encoder(10, offset=0.7)
    for angle in rng.uniform(-20, 20, 300):
        error = math.remainder(encoder.read(angle) - angle - 0.7, TURN)
        assert abs(error) <= TURN / 2**11 + 1e-12
        assert 0 < encoder.read(angle) < TURN


@pytest.mark.parametrize("bits", [0, 31])
def test_an_encoder_of_impossible_resolution_is_refused(bits):
    with pytest.raises(ValueError, match="bits"):
        Encoder(bits)


def test_the_offset_of_an_encoder_is_found_by_a_field_that_stands_still():
    encoder = Encoder(14, offset=0.4)
    found = find_zero(GIMBAL, encoder, 4.0, State(angle=0.05))
    electrical = math.remainder(GIMBAL.pole_pairs * (found - encoder.offset), TURN)
    assert abs(electrical) < math.radians(2)


@MOTORS
def test_the_offset_is_found_from_where_a_field_on_phase_a_would_not_turn_the_rotor(motor):
    encoder = Encoder(14, offset=0.4)
    found = find_zero(motor, encoder, 1.0, State(angle=math.pi / motor.pole_pairs))
    electrical = math.remainder(motor.pole_pairs * (found - encoder.offset), TURN)
    assert abs(electrical) < math.radians(5)


@pytest.mark.parametrize("degrees", [0, 30, 60])
def test_a_wrong_zero_costs_the_cosine_of_the_error_in_torque(degrees):
    error = math.radians(degrees)
    controller = FieldOriented(LOCKED, torque=lambda t: 0.05, zero=error / LOCKED.pole_pairs)
    trace = simulate(LOCKED, controller, 0.01, encoder=Encoder(20))
    assert trace.torque[-1] == pytest.approx(0.05 * math.cos(error), abs=2e-6)


def test_one_reference_is_asked_for_and_no_more_current_than_the_motor_takes():
    with pytest.raises(ValueError, match="one of"):
        FieldOriented(GIMBAL, speed=lambda t: 1.0, torque=lambda t: 1.0)
    with pytest.raises(ValueError, match="weakening"):
        FieldOriented(GIMBAL, speed=lambda t: 1.0, weakening=2.0)


@pytest.mark.parametrize("name", ["period", "current_bandwidth", "speed_bandwidth"])
@pytest.mark.parametrize("value", [0.0, math.nan])
def test_a_loop_without_a_bandwidth_or_period_is_refused(name, value):
    with pytest.raises(ValueError, match="period and bandwidths"):
        FieldOriented(GIMBAL, speed=lambda t: 1.0, **{name: value})


def test_currents_against_the_magnets_let_a_motor_turn_faster_within_its_limits():
    top = {}
    for weakening in (0.0, 15.0):
        controller = FieldOriented(HOVERBOARD, speed=lambda t: 200.0, weakening=weakening)
        trace = simulate(HOVERBOARD, controller, 0.5, start=State(speed=55.0))
        end = trace.after(0.45)
        top[weakening] = end.speed.mean()
        assert np.hypot(end.i_d, end.i_q).max() < 1.1 * HOVERBOARD.current_limit
    assert top[15.0] > 1.2 * top[0.0]


def test_a_voltage_or_reference_that_is_no_number_is_reported_and_not_drawn():
    for controller in (lambda *_: (math.nan, 0.0), FieldOriented(GIMBAL, speed=lambda t: math.nan)):
        with pytest.raises(FloatingPointError, match="no numbers"):
            simulate(GIMBAL, controller, 0.01)


def test_a_period_too_long_for_the_motor_is_reported():
    with pytest.raises(FloatingPointError, match="beyond all bounds"):
        simulate(GIMBAL, lambda *_: (1.0, 0.0), 1.0, period=0.01)


def test_an_unstable_current_loop_swings_within_what_the_supply_allows():
    controller = FieldOriented(LOCKED, torque=lambda t: 0.3 * LOCKED.torque_constant, current_bandwidth=TURN * 6000)
    trace = simulate(LOCKED, controller, 0.02).after(0.01)
    assert trace.i_q.std() > 0.03
    assert np.abs(trace.i_q).max() < 2 / 3 * LOCKED.bus_voltage / LOCKED.resistance


@pytest.mark.parametrize("make", [FieldOriented, lambda m, period, speed: TurningVoltage(m, 3.0, speed, period)])
def test_a_controller_made_for_another_period_is_refused(make):
    controller = make(GIMBAL, period=2e-4, speed=lambda t: 20.0)
    with pytest.raises(ValueError, match=r"made for a period of 0\.0002 s; got 5e-05"):
        simulate(GIMBAL, controller, 0.01)
    assert len(simulate(GIMBAL, controller, 0.01, period=2e-4).time) == 50


@pytest.mark.parametrize("seconds", [0, 1e-6, math.nan, math.inf])
def test_a_run_without_a_length_is_refused(seconds):
    with pytest.raises(ValueError, match="at least one period"):
        simulate(GIMBAL, lambda *_: (0.0, 0.0), seconds)


def test_a_turning_voltage_takes_the_rotor_along_up_to_the_pull_out_torque_and_then_loses_it():
    strongest = pull_out_torque(GIMBAL, 3.0, TURN)
    lost = {}
    for share in (0.9, 1.1):
        controller = TurningVoltage(GIMBAL, 3.0, lambda t: TURN)
        load = share * strongest
        trace = simulate(
            GIMBAL, controller, 1.0, load=lambda t, load=load: load * min(t / 0.8, 1), start=State(speed=TURN)
        )
        lost[share] = lost_turns(controller.angle, trace.angle[-1], GIMBAL.pole_pairs)
    assert lost[0.9] == 0
    assert lost[1.1] >= 1


# Attitude


def test_smooth_noise_has_the_standard_deviation_and_the_band_it_says(rng):
    x = np.concatenate([smooth_noise(20000, 500, 2.0, rng) for _ in range(5)])
    assert x.std() == pytest.approx(1, abs=0.05)
    power = np.abs(np.fft.rfft(x)) ** 2
    frequency = np.fft.rfftfreq(len(x), 1 / 500)
    assert power[frequency < 4].sum() > 0.95 * power.sum()


@pytest.mark.parametrize("cutoff", [0, 250, math.nan])
def test_noise_beyond_half_the_rate_is_refused(cutoff):
    with pytest.raises(ValueError, match="between 0 and half the rate"):
        smooth_noise(100, 500, cutoff, np.random.default_rng(0))


def test_an_accelerometer_feels_the_angle_and_takes_a_push_for_a_lean():
    angle = np.linspace(-1, 1, 9)
    none = np.zeros((9, 2))
    np.testing.assert_allclose(felt_angle(angle, np.zeros(9), none), angle, atol=1e-14)
    pushed = felt_angle(np.zeros(9), np.full(9, 0.981), none)
    np.testing.assert_allclose(pushed, -math.atan(0.1))


def test_a_bias_stays_in_the_complementary_filter_and_leaves_the_kalman_filter():
    n, step, bias = 60000, 0.002, 0.01
    rate, felt = np.full(n, bias), np.zeros(n)
    left = follow(Complementary(step, 3.0), rate, felt)[-1]
    assert left == pytest.approx(bias * 3.0, rel=0.01)
    kalman = Kalman(step, 1e-4, 5e-4, 0.1)
    assert follow(kalman, rate, felt)[-1] == pytest.approx(0, abs=1e-6)
    assert kalman.bias == pytest.approx(bias, rel=1e-4)


def test_the_kalman_filter_is_the_one_of_the_matrices(rng):
    step, gyro, walk, noise = 0.002, 1e-3, 5e-4, 0.05
    kalman = Kalman(step, gyro, walk, noise)
    x, covariance = np.zeros(2), np.diag([0.1**2, 0.02**2])
    forward, seen = np.array([[1, -step], [0, 1]]), np.array([[1.0, 0.0]])
    added = np.diag([gyro**2 * step, walk**2 * step])
    for rate, felt in rng.normal(scale=0.1, size=(300, 2)):
        x = forward @ x + [step * rate, 0]
        covariance = forward @ covariance @ forward.T + added
        gain = covariance @ seen.T / (seen @ covariance @ seen.T + noise**2)
        x = x + gain[:, 0] * (felt - x[0])
        covariance = (np.eye(2) - gain @ seen) @ covariance
        kalman.update(rate, felt)
        np.testing.assert_allclose([kalman.angle, kalman.bias], x, rtol=1e-9, atol=1e-12)


def test_the_gains_of_the_kalman_filter_settle_where_the_riccati_equation_says():
    step, gyro, walk, noise = 0.002, 1e-3, 5e-4, 0.05
    kalman = Kalman(step, gyro, walk, noise)
    for _ in range(200000):
        kalman.update(0.0, 0.0)
    forward, seen = np.array([[1, -step], [0, 1]]), np.array([[1.0, 0.0]])
    settled = solve_discrete_are(forward.T, seen.T, np.diag([gyro**2 * step, walk**2 * step]), [[noise**2]])
    expected = settled[:, 0] / (settled[0, 0] + noise**2)
    np.testing.assert_allclose(kalman.gains, expected, rtol=1e-6)


def test_the_errors_that_the_kalman_filter_expects_are_the_errors_it_makes():
    """White noise all round, as it believes: over many runs the spread of its error is its own covariance."""
    imu, step, noise = Imu(gyro_noise=1e-3, bias=0.02, bias_walk=2e-3), 0.002, 0.05
    errors = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        n = 1500
        drift, _ = imu.errors(n, rng)
        kalman = Kalman(step, imu.gyro_noise, imu.bias_walk, noise, angle_spread=0.1, bias_spread=imu.bias)
        truth = 0.1 * rng.normal()
        felt = truth + noise * rng.normal(size=n)
        errors.append(follow(kalman, drift, felt)[-1] - truth)
    expected = math.sqrt(kalman.p_aa)
    assert 0.75 * expected < np.std(errors) < 1.3 * expected


@pytest.mark.parametrize(
    "make",
    [
        lambda: Complementary(0.002, 0.0),
        lambda: Complementary(math.nan, 1.0),
        lambda: Kalman(0.002, 1e-4, 0.0, 0.1),
        lambda: Kalman(0.002, 1e-4, 1e-4, math.nan),
        lambda: Kalman(0.002, 1e-4, 1e-4, math.inf),
        lambda: Kalman(0.002, 1e-4, 1e-4, 0.1, angle_spread=math.nan),
        lambda: Complementary(0.002, math.inf),
        lambda: Imu(rate=0),
        lambda: Platform(inertia=0),
        lambda: Stabiliser(Platform(), math.nan),
        lambda: PI(0.0, 10.0, 0.1),
        lambda: PI(2.0, math.nan, 0.1),
        lambda: Observer(-1.0, PERIOD),
        lambda: Observer(TURN * 100, 0.0),
    ],
)
def test_a_filter_sensor_loop_or_platform_without_noise_time_or_mass_is_refused(make):
    with pytest.raises(ValueError, match="more than zero"):
        make()


# Platform

SMOOTH = Platform(motor=replace(GIMBAL, cogging=0.0), imbalance=0.0)


@pytest.mark.parametrize("frequency", [0.5, 2.0, 8.0])
def test_the_platform_rejects_rocking_as_its_transfer_function_says(frequency):
    time = np.arange(5000) / 500
    angle = rock(SMOOTH, 0.05 * np.sin(TURN * frequency * time), stabiliser=Stabiliser(SMOOTH))[2500:]
    measured = abs(2 * np.mean(angle * np.exp(-1j * TURN * frequency * time[2500:]))) / 0.05
    s = 1j * TURN * frequency
    # A reading later, and held for a reading: one and a half of delay.
    loop = Stabiliser(SMOOTH).stiffness(s) * np.exp(-s * 1.5 / 500)
    dragged = SMOOTH.friction * s
    expected = abs(dragged / (SMOOTH.inertia * s**2 + dragged + loop))
    assert measured == pytest.approx(expected, rel=0.03)


def test_the_platform_stays_level_with_the_motor_on_and_is_dragged_along_with_it_off():
    time = np.arange(2500) / 500
    carrier = 0.15 * np.sin(TURN * 0.5 * time)
    on = rock(Platform(), carrier, stabiliser=Stabiliser(Platform()))
    off = rock(Platform(), carrier)
    assert on.std() < 0.02 * carrier.std()
    assert off.std() > 0.3 * carrier.std()


def test_the_platform_feels_what_an_accelerometer_of_its_angle_and_push_feels(rng):
    """The stabiliser's filter writes down what it is told; the formula for arrays says what it has to be."""

    class Notes:
        angle = bias = 0.0

        def __init__(self):
            self.felt = []

        def update(self, rate, felt):
            self.felt.append(felt)
            return felt

    notes, imu, n = Notes(), Imu(accelerometer_noise=0.05), 400
    carrier, push = 0.4 * np.sin(np.arange(n) / 40), rng.normal(scale=3, size=n)
    angle = rock(
        Platform(), carrier, push=push, blow=np.full(n, 0.08), imu=imu, estimator=notes,
        stabiliser=Stabiliser(Platform(), 10.0), rng=np.random.default_rng(1),
    )  # fmt: skip
    _, error = imu.errors(n, np.random.default_rng(1))
    assert np.abs(angle).max() > 0.2
    np.testing.assert_allclose(notes.felt, felt_angle(angle, push, error), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("carrier", {"carrier": np.full(50, np.nan)}),
        ("push", {"push": np.zeros(49)}),
        ("blow", {"blow": np.full(50, np.inf)}),
    ],
)
def test_a_rocking_of_what_is_no_number_or_of_unequal_lengths_is_refused_by_name(name, change):
    with pytest.raises(ValueError, match=f"rock: {name} is 50 finite numbers"):
        rock(**{"platform": Platform(), "carrier": np.zeros(50)} | change)


def test_without_friction_cogging_and_weight_nothing_drags_the_platform():
    free = replace(SMOOTH, friction=0.0)
    assert np.abs(rock(free, 0.15 * np.sin(np.arange(500) / 50))).max() == 0


def test_the_gyroscopes_errors_are_drawn_again_from_the_same_seed():
    first, second = (Imu().errors(100, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first[0], second[0])
    np.testing.assert_array_equal(first[1], second[1])


def test_a_free_platform_swings_down_as_an_undriven_pendulum_would():
    """Weight below the axis: small swings at √(weight g / inertia), and no energy is made."""
    hanging = replace(SMOOTH, friction=0.0, imbalance=-2e-4)
    blow = np.zeros(4000)
    blow[:5] = 0.002
    angle = rock(hanging, np.zeros(4000), blow=blow)
    turns = np.flatnonzero(np.diff(np.sign(angle - 1e-12)))
    period = 2 * np.diff(turns).mean() / 500
    assert period == pytest.approx(TURN / math.sqrt(2e-4 * 9.81 / hanging.inertia), rel=0.01)
    assert np.abs(angle[-1000:]).max() == pytest.approx(np.abs(angle[:1000]).max(), rel=0.01)
