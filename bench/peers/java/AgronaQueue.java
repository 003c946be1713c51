/* SPDX-License-Identifier: Apache-2.0 */
import java.util.function.Consumer;
import org.agrona.concurrent.AbstractConcurrentArrayQueue;
import org.agrona.concurrent.ManyToManyConcurrentArrayQueue;
import org.agrona.concurrent.ManyToOneConcurrentArrayQueue;
import org.agrona.concurrent.OneToOneConcurrentArrayQueue;

/** The array queue that Agrona has for the shape; it drains batches, and offers one by one. */
final class AgronaQueue extends ReferenceQueue {
	private final AbstractConcurrentArrayQueue<long[]> queue = queue();

	private static AbstractConcurrentArrayQueue<long[]> queue() {
		if (Cell.MANY_POP)
			return new ManyToManyConcurrentArrayQueue<>(Cell.CAPACITY);
		return Cell.MANY_PUSH ? new ManyToOneConcurrentArrayQueue<>(Cell.CAPACITY)
				      : new OneToOneConcurrentArrayQueue<>(Cell.CAPACITY);
	}

	@Override
	boolean offer(long[] array) {
		return queue.offer(array);
	}

	@Override
	long[] poll() {
		return queue.poll();
	}

	@Override
	Popper popper(int who) {
		if (Cell.BATCH == 1)
			return super.popper(who);
		Unpacker unpacker = new Unpacker();
		Consumer<long[]> unpack = unpacker::unpack;
		return (items, max) -> {
			unpacker.begin(items);
			return queue.drain(unpack, max);
		};
	}
}
