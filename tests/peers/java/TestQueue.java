/* SPDX-License-Identifier: Apache-2.0 */
import java.util.concurrent.ArrayBlockingQueue;

/** A queue that comes with Java, in the place of a library's: so that what is around it is tested. */
final class TestQueue extends ReferenceQueue {
	private final ArrayBlockingQueue<long[]> queue = new ArrayBlockingQueue<>(Cell.CAPACITY);

	@Override
	boolean offer(long[] array) {
		return queue.offer(array);
	}

	@Override
	long[] poll() {
		return queue.poll();
	}
}
