/* SPDX-License-Identifier: Apache-2.0 */
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;

/**
 * A queue of references. An item travels in a long[] of its producer's, which has some more of them
 * than the queue has places, made before, and takes them in turn: nothing is allocated.
 *
 * <p>With one consumer an array whose turn has come was popped long ago, and what comes after it
 * too. Where consumers share, one may be held up with an array in its hands while the others go on:
 * there an array has a word more, the consumer's receipt, and a producer that finds one without
 * takes a new array instead.
 */
abstract class ReferenceQueue extends Contender {
	private static final VarHandle RECEIPT = MethodHandles.arrayElementVarHandle(long[].class);
	private static final int RECEIPT_AT = Cell.WORDS;
	private static final int ARRAY_WORDS = Cell.WORDS + (Cell.MANY_POP ? 1 : 0);
	private static final int SPARE = 2 * Cell.BATCH;

	/** The arrays of a producer. */
	static final class Pool {
		private final long[][] arrays = new long[Cell.CAPACITY + SPARE][ARRAY_WORDS];
		private int next;
		private boolean lent;

		/** Copied into the next array; that stays the next until taken(). */
		long[] fill(long[] items, int number) {
			long[] array = arrays[next];
			if (Cell.MANY_POP && !lent) {
				if ((long) RECEIPT.getAcquire(array, RECEIPT_AT) != 0)
					arrays[next] = array = new long[ARRAY_WORDS];
				array[RECEIPT_AT] = 1;
				lent = true;
			}
			System.arraycopy(items, number * Cell.WORDS, array, 0, Cell.WORDS);
			return array;
		}

		void taken() {
			lent = false;
			if (++next == arrays.length)
				next = 0;
		}
	}

	/** Copies arrays out, one after the other. */
	static final class Unpacker {
		private long[] items;
		private int count;

		void begin(long[] into) {
			items = into;
			count = 0;
		}

		void unpack(long[] array) {
			System.arraycopy(array, 0, items, count * Cell.WORDS, Cell.WORDS);
			if (Cell.MANY_POP)
				RECEIPT.setRelease(array, RECEIPT_AT, 0L);
			count++;
		}

		int count() {
			return count;
		}
	}
	/** false: there is no room. */
	abstract boolean offer(long[] array);

	/** null: there is nothing. */
	abstract long[] poll();

	/** One after the other. */
	@Override
	Pusher pusher(int who) {
		Pool pool = new Pool();
		return (items, from, n) -> {
			int done = 0;
			while (done < n && offer(pool.fill(items, from + done))) {
				pool.taken();
				done++;
			}
			return done;
		};
	}

	/** One after the other. */
	@Override
	Popper popper(int who) {
		Unpacker unpacker = new Unpacker();
		return (items, max) -> {
			unpacker.begin(items);
			while (unpacker.count() < max) {
				long[] array = poll();
				if (array == null)
					break;
				unpacker.unpack(array);
			}
			return unpacker.count();
		};
	}
}
