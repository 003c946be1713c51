/* SPDX-License-Identifier: Apache-2.0 */
import org.jctools.queues.MessagePassingQueue;
import org.jctools.queues.MpmcArrayQueue;
import org.jctools.queues.MpscArrayQueue;
import org.jctools.queues.SpmcArrayQueue;
import org.jctools.queues.SpscArrayQueue;

/** The queue that JCTools has for the shape; fill and drain for batches, the relaxed calls for one. */
final class JctoolsQueue extends ReferenceQueue {
	private final MessagePassingQueue<long[]> queue = queue();

	private static MessagePassingQueue<long[]> queue() {
		if (Cell.MANY_PUSH)
			return Cell.MANY_POP ? new MpmcArrayQueue<>(Cell.CAPACITY)
					     : new MpscArrayQueue<>(Cell.CAPACITY);
		return Cell.MANY_POP ? new SpmcArrayQueue<>(Cell.CAPACITY)
				     : new SpscArrayQueue<>(Cell.CAPACITY);
	}

	private static final class Supplier implements MessagePassingQueue.Supplier<long[]> {
		private final Pool pool = new Pool();
		private long[] items;
		private int number;

		@Override
		public long[] get() {
			long[] array = pool.fill(items, number++);
			pool.taken();
			return array;
		}
	}

	@Override
	boolean offer(long[] array) {
		return queue.relaxedOffer(array);
	}

	@Override
	long[] poll() {
		return queue.relaxedPoll();
	}

	@Override
	Pusher pusher(int who) {
		if (Cell.BATCH == 1)
			return super.pusher(who);
		Supplier supplier = new Supplier();
		return (items, from, n) -> {
			supplier.items = items;
			supplier.number = from;
			return queue.fill(supplier, n);
		};
	}

	@Override
	Popper popper(int who) {
		if (Cell.BATCH == 1)
			return super.popper(who);
		Unpacker unpacker = new Unpacker();
		MessagePassingQueue.Consumer<long[]> unpack = unpacker::unpack;
		return (items, max) -> {
			unpacker.begin(items);
			return queue.drain(unpack, max);
		};
	}
}
