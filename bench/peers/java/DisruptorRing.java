/* SPDX-License-Identifier: Apache-2.0 */
import com.lmax.disruptor.BatchEventProcessor;
import com.lmax.disruptor.BatchEventProcessorBuilder;
import com.lmax.disruptor.BlockingWaitStrategy;
import com.lmax.disruptor.BusySpinWaitStrategy;
import com.lmax.disruptor.EventHandler;
import com.lmax.disruptor.RingBuffer;
import com.lmax.disruptor.WaitStrategy;
import com.lmax.disruptor.YieldingWaitStrategy;

/**
 * The Disruptor: events are long[] in the ring, made before; a producer claims a batch with next(n)
 * and publishes it whole; each consumer is a BatchEventProcessor, which takes what is there,
 * whatever the batch. BusySpinWaitStrategy where each thread has a CPU of its own, which is what it
 * is for; else YieldingWaitStrategy, which spins before it yields, and the blocking one for park.
 */
final class DisruptorRing extends Contender {
	private final RingBuffer<long[]> ring =
		Cell.MANY_PUSH
			? RingBuffer.createMultiProducer(() -> new long[Cell.WORDS], Cell.CAPACITY, strategy())
			: RingBuffer.createSingleProducer(() -> new long[Cell.WORDS], Cell.CAPACITY, strategy());
	private final Handler[] handlers = new Handler[Cell.CONSUMERS];

	private static WaitStrategy strategy() {
		if (Cell.WAIT.equals("park"))
			return new BlockingWaitStrategy();
		boolean spins = Cell.WAIT.equals("spin") || (Cell.WAIT.equals("adaptive") && Cell.OWN_CPUS);
		return spins ? new BusySpinWaitStrategy() : new YieldingWaitStrategy();
	}

	/** Copies events out and has them checked: a batch at a time, or what is there. */
	private static final class Handler implements EventHandler<long[]> {
		final BatchEventProcessor<long[]> processor;
		private final long[] items = new long[Cell.BATCH * Cell.WORDS];
		private int count;
		Checker checker;

		Handler(RingBuffer<long[]> ring) {
			processor = new BatchEventProcessorBuilder().build(ring, ring.newBarrier(), this);
			ring.addGatingSequences(processor.getSequence());
		}

		@Override
		public void onEvent(long[] event, long sequence, boolean endOfBatch) {
			System.arraycopy(event, 0, items, count * Cell.WORDS, Cell.WORDS);
			if (++count < Cell.BATCH && !endOfBatch)
				return;
			checker.check(items, count);
			count = 0;
		}
	}

	@Override
	Pusher pusher(int who) {
		return (items, from, n) -> {
			long last = n == 1 ? ring.next() : ring.next(n);
			long first = last - n + 1;
			for (int i = 0; i < n; i++)
				System.arraycopy(items, (from + i) * Cell.WORDS, ring.get(first + i), 0, Cell.WORDS);
			if (n == 1)
				ring.publish(last);
			else
				ring.publish(first, last);
			return n;
		};
	}

	/** None: a processor calls its handler. The ring's events were all touched when they were made. */
	@Override
	Popper popper(int who) {
		handlers[who] = new Handler(ring);
		return null;
	}

	@Override
	void consume(Popper popper, int who, Checker checker) {
		handlers[who].checker = checker;
		handlers[who].processor.run();
	}

	/** A processor ends when it is told to, whatever is left: so after the last event. */
	@Override
	void finish() {
		long last = ring.getCursor();
		for (Handler handler : handlers) {
			for (int tries = 0; handler.processor.getSequence().get() < last; tries++)
				Cell.idle(tries);
			handler.processor.halt();
		}
	}
}
