/* SPDX-License-Identifier: Apache-2.0 */
import java.nio.ByteBuffer;
import org.agrona.BufferUtil;
import org.agrona.MutableDirectBuffer;
import org.agrona.concurrent.AtomicBuffer;
import org.agrona.concurrent.MessageHandler;
import org.agrona.concurrent.UnsafeBuffer;
import org.agrona.concurrent.ringbuffer.ManyToOneRingBuffer;
import org.agrona.concurrent.ringbuffer.OneToOneRingBuffer;
import org.agrona.concurrent.ringbuffer.RecordDescriptor;
import org.agrona.concurrent.ringbuffer.RingBuffer;
import org.agrona.concurrent.ringbuffer.RingBufferDescriptor;

/**
 * Agrona's ring buffers: bytes outside of the heap, claimed and committed in place one message at a
 * time, read many at a time. The buffer has the power of two of bytes that holds all items.
 */
final class AgronaRing extends Contender {
	private static final int TYPE = 1;
	private static final int CACHE_LINE = 64;

	private final RingBuffer ring = ring();

	private static RingBuffer ring() {
		int message = RecordDescriptor.HEADER_LENGTH + Cell.PAYLOAD_BYTES;
		int wanted = Cell.CAPACITY * message;
		int bytes = wanted == Integer.highestOneBit(wanted) ? wanted
								    : Integer.highestOneBit(wanted) * 2;
		ByteBuffer memory = BufferUtil.allocateDirectAligned(
			bytes + RingBufferDescriptor.TRAILER_LENGTH, CACHE_LINE);
		UnsafeBuffer buffer = new UnsafeBuffer(memory);
		return Cell.MANY_PUSH ? new ManyToOneRingBuffer(buffer) : new OneToOneRingBuffer(buffer);
	}

	@Override
	Pusher pusher(int who) {
		AtomicBuffer buffer = ring.buffer();
		return (items, from, n) -> {
			int done = 0;
			for (; done < n; done++) {
				int index = ring.tryClaim(TYPE, Cell.PAYLOAD_BYTES);
				if (index < 0)
					break;
				int at = (from + done) * Cell.WORDS;
				for (int w = 0; w < Cell.WORDS; w++)
					buffer.putLong(index + 8 * w, items[at + w]);
				ring.commit(index);
			}
			return done;
		};
	}

	/** Copies messages out, one after the other. */
	private static final class Reader implements MessageHandler {
		private long[] items;
		private int at;

		@Override
		public void onMessage(int type, MutableDirectBuffer buffer, int index, int length) {
			for (int w = 0; w < Cell.WORDS; w++)
				items[at + w] = buffer.getLong(index + 8 * w);
			at += Cell.WORDS;
		}
	}

	@Override
	Popper popper(int who) {
		Reader reader = new Reader();
		return (items, max) -> {
			reader.items = items;
			reader.at = 0;
			int n = ring.read(reader, max);
			/* It may have gone over the buffer's end and no further. */
			return n > 0 ? n : ring.read(reader, max);
		};
	}
}
