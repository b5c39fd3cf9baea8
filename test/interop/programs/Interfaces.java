import java.net.InetAddress;
import java.net.NetworkInterface;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;

/** Prints what the network interfaces are. The JDK reads them by ioctl(2), from several threads of the process. */
public class Interfaces {
    public static void main(String[] arguments) throws Exception {
        for (NetworkInterface found : Collections.list(NetworkInterface.getNetworkInterfaces())) {
            List<String> addresses = new ArrayList<>();
            for (InetAddress address : Collections.list(found.getInetAddresses())) addresses.add(address.getHostAddress());
            Collections.sort(addresses);
            System.out.println(found.getName() + " " + found.getIndex() + " " + found.getMTU() + " up " + found.isUp()
                + " loopback " + found.isLoopback() + " hardware " + Arrays.toString(found.getHardwareAddress()) + " " + addresses);
        }
        System.out.println(NetworkInterface.getByInetAddress(InetAddress.getByName("127.0.0.1")).getName()
            + " " + NetworkInterface.getByIndex(1).getName() + " " + NetworkInterface.getByName("eth0"));
    }
}
