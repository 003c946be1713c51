/* SPDX-License-Identifier: Apache-2.0 */
import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.UnaryOperator;

/**
 * Runs of one cell, each with a new ring and new threads: "LENGTH_NS WARM_NS" is answered when all
 * threads are there and wait, "go" when the last item was checked. Before its first run the cell is
 * run unseen for WARM_NS, for the compiler's sake, and longer where other work has the CPUs.
 *
 * <p>Thread: the process's first.
 */
public final class CellRun implements UnaryOperator<String> {
	private static final int WARM_RUNS = 2;
	private static final int WARM_RUNS_MOST = 20;
	private static final OperatingSystemMXBean SYSTEM =
		(OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

	private final String contenderName;
	private boolean warm;
	private Run run;
	private long lengthNs;

	public CellRun(String contenderName) {
		this.contenderName = contenderName;
	}

	@Override
	public String apply(String line) {
		try {
			if (line.equals("go"))
				return done(run.go(lengthNs));
			String[] words = line.split(" ");
			lengthNs = Long.parseLong(words[0]);
			long warmNs = Long.parseLong(words[1]);
			if (!warm)
				warmUp(warmNs);
			warm = true;
			run = new Run(contender());
			return "ready " + run.threadIds();
		} catch (ReflectiveOperationException | IOException | InterruptedException e) {
			throw new IllegalStateException(e);
		}
	}

	/** Other work may take the CPUs meanwhile, so time on two of them counts, not time alone. */
	private void warmUp(long warmNs) throws ReflectiveOperationException, InterruptedException {
		long beginNs = SYSTEM.getProcessCpuTime();
		for (int i = 0; i < WARM_RUNS_MOST; i++) {
			new Run(contender()).go(warmNs / WARM_RUNS);
			if (i + 1 >= WARM_RUNS && SYSTEM.getProcessCpuTime() - beginNs >= 2 * warmNs)
				break;
		}
	}

	private Contender contender() throws ReflectiveOperationException {
		return (Contender) Class.forName(contenderName).getDeclaredConstructor().newInstance();
	}

	private String done(long elapsedNs) {
		StringBuilder text = new StringBuilder("done ").append(elapsedNs);
		for (long pushed : run.pushed)
			text.append(' ').append(pushed);
		for (Checker c : run.checkers)
			text.append(' ').append(c.count).append(' ').append(Long.toUnsignedString(c.sum))
				.append(' ').append(c.faults);
		run = null;
		return text.toString();
	}

	/** The kernel's number of this thread. */
	private static String threadId() throws IOException {
		return Files.readSymbolicLink(Path.of("/proc/thread-self")).getFileName().toString();
	}

	/** One ring, its threads, and what they found. */
	private static final class Run {
		private final Contender ring;
		private final Thread[] threads = new Thread[Cell.PRODUCERS + Cell.CONSUMERS];
		private final String[] ids = new String[threads.length];
		private final CountDownLatch ready = new CountDownLatch(threads.length);
		private final AtomicInteger producersLeft = new AtomicInteger(Cell.PRODUCERS);
		private volatile boolean go;
		private volatile Throwable failure;
		final long[] pushed = new long[Cell.PRODUCERS];
		final Checker[] checkers = new Checker[Cell.CONSUMERS];

		/** Starts the threads; comes back when all wait. */
		Run(Contender contender) throws InterruptedException {
			ring = contender;
			Cell.begin();
			Contender.Pusher[] pushers = new Contender.Pusher[Cell.PRODUCERS];
			Contender.Popper[] poppers = new Contender.Popper[Cell.CONSUMERS];
			for (int i = 0; i < Cell.PRODUCERS; i++)
				pushers[i] = ring.pusher(i);
			for (int i = 0; i < Cell.CONSUMERS; i++) {
				poppers[i] = ring.popper(i);
				checkers[i] = new Checker();
			}
			touch(pushers, poppers);
			for (int i = 0; i < Cell.PRODUCERS; i++) {
				int who = i;
				start(i, () -> produce(pushers[who], who));
			}
			for (int i = 0; i < Cell.CONSUMERS; i++) {
				int who = i;
				start(Cell.PRODUCERS + i, () -> consume(poppers[who], who));
			}
			ready.await();
		}

		/** Filled and emptied once: no run pays for pages that were never touched. */
		private static void touch(Contender.Pusher[] pushers, Contender.Popper[] poppers) {
			long[] item = new long[Cell.BATCH * Cell.WORDS];
			for (Contender.Pusher pusher : pushers) {
				while (poppers[0] != null && pusher.push(item, 0, Cell.BATCH) == Cell.BATCH)
					;
				while (poppers[0] != null && poppers[0].pop(item, Cell.BATCH) > 0)
					;
			}
		}

		private void start(int index, Runnable side) {
			Thread thread = new Thread(() -> {
				try {
					ids[index] = threadId();
					ready.countDown();
					while (!go)
						Thread.yield();
					side.run();
				} catch (IOException | RuntimeException | Error e) {
					failure = e;
					ready.countDown();
				}
			}, "side-" + index);
			thread.setDaemon(true);
			threads[index] = thread;
			thread.start();
		}

		String threadIds() throws IOException {
			if (failure != null)
				throw new IllegalStateException(failure);
			return threadId() + " " + String.join(" ", ids);
		}

		/** From the start signal to the last item, in ns. */
		long go(long lengthNs) throws InterruptedException {
			long startNs = System.nanoTime();
			go = true;
			for (long left = lengthNs; left > 0; left = startNs + lengthNs - System.nanoTime())
				Thread.sleep(left / 1_000_000, (int) (left % 1_000_000));
			Cell.stop();
			for (Thread thread : threads)
				thread.join();
			if (failure != null)
				throw new IllegalStateException(failure);
			long endNs = startNs;
			for (Checker c : checkers)
				endNs = Math.max(endNs, c.endNs);
			return endNs - startNs;
		}

		private void produce(Contender.Pusher pusher, int who) {
			long[] items = new long[Cell.BATCH * Cell.WORDS];
			long number = 0;
			/* Once at least: a rate of nothing could not be compared. */
			do {
				Checker.fill(items, who, number);
				pushAll(pusher, items);
				number += Cell.BATCH;
			} while (!Cell.stopped());
			pushed[who] = number;
			if (producersLeft.decrementAndGet() == 0)
				ring.finish();
		}

		private static void pushAll(Contender.Pusher pusher, long[] items) {
			int done = pusher.push(items, 0, Cell.BATCH);
			for (int tries = 0; done < Cell.BATCH; tries++) {
				Cell.idle(tries);
				done += pusher.push(items, done, Cell.BATCH - done);
			}
		}

		private void consume(Contender.Popper popper, int who) {
			ring.consume(popper, who, checkers[who]);
			checkers[who].endNs = System.nanoTime();
		}
	}
}
