export const renderChart = () => ''
