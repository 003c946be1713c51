/* SPDX-License-Identifier: Apache-2.0 */

/**
 * A ring in a cell. As in C, items are made in a producer's own memory and copied in, and copied out
 * into a consumer's own before it looks at them.
 *
 * <p>Thread: made, opened and closed by one; each pusher and popper is called by its own thread.
 */
abstract class Contender {
	/** Puts items from number `from` of the array on, as many of n as there is room for. */
	interface Pusher {
		int push(long[] items, int from, int n);
	}

	/** Gets what is there, at most max items. */
	interface Popper {
		int pop(long[] items, int max);
	}

	/** One for each producer; before any thread runs. */
	abstract Pusher pusher(int who);

	/** One for each consumer, likewise. Not called where consume() does without. */
	abstract Popper popper(int who);

	/** A consumer's whole run: until finished and empty. */
	void consume(Popper popper, int who, Checker checker) {
		long[] items = new long[Cell.BATCH * Cell.WORDS];
		for (int n = take(popper, items); n > 0; n = take(popper, items))
			checker.check(items, n);
	}

	/** Waits; 0: the end. */
	private static int take(Popper popper, long[] items) {
		int n = popper.pop(items, Cell.BATCH);
		for (int tries = 0; n == 0; tries++) {
			boolean finished = Cell.finished();
			n = popper.pop(items, Cell.BATCH);
			if (n > 0 || finished)
				break;
			Cell.idle(tries);
		}
		return n;
	}

	/** By the last producer, when it has pushed its last. */
	void finish() {
		Cell.finish();
	}
}
