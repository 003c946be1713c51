/* SPDX-License-Identifier: Apache-2.0 */

/** What a consumer found: each word of each item and the order of each producer's, as in C. */
final class Checker {
	private static final boolean EXACT = Cell.PRODUCERS == 1 && !Cell.MANY_POP;
	private static final int PRODUCER_SHIFT = 48;

	private final long[] next = new long[Cell.PRODUCERS];
	private long expected;
	long count;
	long sum;
	long faults;
	long endNs;

	/** The first n of items. */
	void check(long[] items, int n) {
		long allExpected = expected;
		long allSum = 0;
		long allFaults = 0;
		for (int i = 0; i < n; i++) {
			int at = i * Cell.WORDS;
			long first = EXACT ? allExpected++ : items[at];
			long wrong = 0;
			for (int w = 0; w < Cell.WORDS; w++)
				wrong |= items[at + w] ^ (first + w);
			if (wrong != 0)
				allFaults++;
			allSum += first;
			if (!EXACT && !inOrder(first))
				allFaults++;
		}
		expected = allExpected;
		count += n;
		sum += allSum;
		faults += allFaults;
	}

	private boolean inOrder(long first) {
		int who = (int) (first >>> PRODUCER_SHIFT) % Cell.PRODUCERS;
		long number = first & ((1L << PRODUCER_SHIFT) - 1);
		boolean good = number >= next[who];
		next[who] = number + 1;
		return good;
	}

	/** Items that producer `who` pushes from number on, into its own memory. */
	static void fill(long[] items, int who, long number) {
		long first = ((long) who << PRODUCER_SHIFT) + number;
		for (int i = 0; i < Cell.BATCH; i++)
			for (int w = 0; w < Cell.WORDS; w++)
				items[i * Cell.WORDS + w] = first + i + w;
	}
}
