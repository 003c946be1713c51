// SPDX-License-Identifier: Apache-2.0
import java.io.DataInputStream;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import net.openhft.chronicle.bytes.Bytes;
import net.openhft.chronicle.queue.ChronicleQueue;
import net.openhft.chronicle.queue.ExcerptAppender;
import net.openhft.chronicle.wire.DocumentContext;

/**
 * Chronicle Queue as a peer of the journal benchmark: java ChroniclePeer FOLDER PAYLOAD_BYTES.
 * Groups come by standard input, a count (32 bits, little endian) and that many payloads; each is
 * answered by one byte, once its events are in the queue's mapped file. An event is a document of
 * raw bytes, through one appender that keeps its mapping, as its documentation says that appending
 * is fastest. Nothing is synced: the queue leaves that to the kernel.
 */
final class ChroniclePeer {
    private ChroniclePeer() {
    }

    public static void main(String[] args) throws IOException {
        int payloadBytes = Integer.parseInt(args[1]);
        byte[] head = new byte[4];
        ByteBuffer count = ByteBuffer.wrap(head).order(ByteOrder.LITTLE_ENDIAN);
        byte[] events = new byte[65536 * payloadBytes];
        // Libraries greet on standard output.
        System.setOut(System.err);
        try (DataInputStream in = new DataInputStream(System.in);
                OutputStream out = new FileOutputStream(FileDescriptor.out);
                ChronicleQueue queue = ChronicleQueue.singleBuilder(args[0]).build()) {
            ExcerptAppender appender = queue.acquireAppender();
            out.write('r');
            out.flush();
            for (int first = in.read(); first >= 0; first = in.read()) {
                head[0] = (byte) first;
                in.readFully(head, 1, 3);
                int n = count.getInt(0);
                in.readFully(events, 0, n * payloadBytes);
                for (int i = 0; i < n; i++) {
                    try (DocumentContext document = appender.writingDocument()) {
                        Bytes<?> bytes = document.wire().bytes();
                        bytes.write(events, i * payloadBytes, payloadBytes);
                    }
                }
                out.write('a');
                out.flush();
            }
        }
    }
}
