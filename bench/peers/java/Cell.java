/* SPDX-License-Identifier: Apache-2.0 */
import java.util.concurrent.atomic.AtomicIntegerArray;

/**
 * What a cell of `weir bench ring` is, as constants to the compiler, and how its threads wait and
 * end. One for each class loader (RingPeer).
 */
final class Cell {
	private static final String[] WORDS_OF_CELL = System.getProperty("weir.cell").split(" ");

	static final String SHAPE = WORDS_OF_CELL[0];
	static final int PAYLOAD_BYTES = Integer.parseInt(WORDS_OF_CELL[1]);
	static final int WORDS = PAYLOAD_BYTES / 8;
	static final int BATCH = Integer.parseInt(WORDS_OF_CELL[2]);
	static final String WAIT = WORDS_OF_CELL[3];
	static final int PRODUCERS = Integer.parseInt(WORDS_OF_CELL[4]);
	static final int CONSUMERS = Integer.parseInt(WORDS_OF_CELL[5]);
	static final int CAPACITY = Integer.parseInt(WORDS_OF_CELL[6]);
	/** A CPU for each thread, and each is pinned to its own. */
	static final boolean OWN_CPUS = WORDS_OF_CELL[7].equals("1");

	static final boolean MANY_PUSH = SHAPE.equals("mpsc") || SHAPE.equals("mpmc");
	/** Consumers share the items. */
	static final boolean MANY_POP = SHAPE.equals("spmc") || SHAPE.equals("mpmc");
	static final boolean EACH_POPS_ALL = SHAPE.equals("multicast");

	private static final boolean SPINS = WAIT.equals("spin");
	private static final boolean ADAPTS = WAIT.equals("adaptive");
	private static final int SPIN_TRIES = 64;

	/** Far apart, so that no cache line has two of them, nor anything else. */
	private static final int STOP = 64;
	private static final int FINISHED = 128;
	private static final AtomicIntegerArray SIGNALS = new AtomicIntegerArray(192);

	private Cell() {
	}

	/** As ring_idle() of bench/ring_loop.h. */
	static void idle(int tries) {
		if (SPINS || (ADAPTS && tries < SPIN_TRIES))
			Thread.onSpinWait();
		else
			Thread.yield();
	}

	static boolean stopped() {
		return SIGNALS.getOpaque(STOP) != 0;
	}

	static void stop() {
		SIGNALS.setRelease(STOP, 1);
	}

	/** Nothing more comes; what was pushed before is seen after. */
	static boolean finished() {
		return SIGNALS.getAcquire(FINISHED) != 0;
	}

	static void finish() {
		SIGNALS.setRelease(FINISHED, 1);
	}

	static void begin() {
		SIGNALS.setRelease(STOP, 0);
		SIGNALS.setRelease(FINISHED, 0);
	}
}
